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

it('a flow and what leads to it are there for two days after their last write, and then no more', async () => {
  const { tables, clock } = test.cloud
  const flow = await test.verified()
  await test.deps.rows.insert(flowTable, 'requests', 'r1', { flow: flow.id })
  test.cloud.pass(47 * 3_600_000)
  expect(await removeOldFlows({ tables, clock })).toBe(0)
  expect((await flow.row()).state).toBe('verified')
  test.cloud.pass(2 * 3_600_000)
  expect(await removeOldFlows({ tables, clock })).toBe(2)
  const left = [await tables.get(flowTable, flow.id, 'flow'), await tables.get(flowTable, 'requests', 'r1')]
  expect(left).toEqual([undefined, undefined])
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
