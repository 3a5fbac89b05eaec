import { afterAll, beforeAll, expect, it } from 'vitest'
import type { FoundRow } from '../store/tables.ts'
import { flowTable } from './flow.ts'
import { removedPerRun, removeOldFlows } from './old-flows.ts'
import { startTestReset, type TestReset } from './test-reset.ts'

let test: TestReset
beforeAll(async () => {
  test = await startTestReset()
})
afterAll(() => test.close())

it('a flow is there for two days after its last write, and then no more', async () => {
  const { tables, clock } = test.cloud
  const flow = await test.verified()
  test.cloud.pass(47 * 3_600_000)
  expect(await removeOldFlows({ tables, clock })).toBe(0)
  expect((await flow.row()).state).toBe('verified')
  test.cloud.pass(2 * 3_600_000)
  expect(await removeOldFlows({ tables, clock })).toBe(1)
  expect(await tables.get(flowTable, flow.id, 'flow')).toBeUndefined()
  expect(await removeOldFlows({ tables, clock })).toBe(0)
})

it('a run is bounded', async () => {
  const row = { partitionKey: 'p', rowKey: 'flow' } as FoundRow
  let removed = 0
  async function* older() {
    for (;;) yield Array.from({ length: 1_000 }, () => row)
  }
  const remove = async () => {
    removed += 1
  }
  expect(await removeOldFlows({ tables: { older, remove }, clock: test.cloud.clock })).toBe(removedPerRun)
  expect(removed).toBe(removedPerRun)
})
