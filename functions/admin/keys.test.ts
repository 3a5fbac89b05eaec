import { afterAll, beforeAll, expect, it } from 'vitest'
import { headOf, headText } from '../../shared/evidence.ts'
import { openEvidence } from '../keys/evidence.ts'
import { readPointer, replacePointer } from '../keys/pointer.ts'
import type { ShownRun } from '../keys/run.ts'
import { startTestCloud, type TestCloud } from '../keys/test-cloud.ts'
import { manageKeys } from './keys.ts'

let cloud: TestCloud
beforeAll(async () => {
  cloud = await startTestCloud()
})
afterAll(() => cloud.close())

const day = 24 * 3_600_000

it('tells what each version is for, when the keys are rolled next, what is under way and what was done', async () => {
  const { rows, pointer: keyPointer } = cloud.keyring()
  const evidence = openEvidence({ rows, vault: cloud.vault, log: () => {} })
  let run: ShownRun | undefined
  const pointer = async () => (await readPointer(rows))?.pointer
  const handler = manageKeys({ vault: cloud.vault, pointer, run: async () => run, evidence })
  const states = async () => {
    const { keys } = (await handler()).body as { keys: { name: string; version: string; state: string }[] }
    return keys.map(({ name, version, state }) => `${name} ${version} ${state}`)
  }
  expect(await handler()).toEqual({ status: 200, body: { keys: [], history: [], chain: { state: 'intact', problems: [] } } })

  const foreign = await cloud.vault.createSecretVersion('state-key', {})
  await keyPointer.current() // the first keys, and no timer yet that would clear up
  const first = (await pointer()) ?? expect.fail('no pointer')
  const [made] = await cloud.vault.secretVersions('package-key')
  expect((await handler()).body).toMatchObject({
    keys: [
      { name: 'package-key', version: first.packageKey, state: 'current', createdAt: made?.createdAt },
      { name: 'password-key', version: first.passwordKey, state: 'current' },
      { name: 'state-key' },
      { name: 'state-key' },
    ],
    history: [],
  })
  expect(await states()).toContain(`state-key ${foreign} old`)
  expect(await states()).toContain(`state-key ${first.stateKey} current`)
  const { nextRolloverAt } = (await handler()).body as { nextRolloverAt: number }
  expect(Math.abs(nextRolloverAt - cloud.clock.now() - 182 * day)).toBeLessThan(60_000)

  // A run has made a new version within the same second; later it is adopted, and the old one disabled.
  run = { id: 'run-1', why: 'byHand', step: 'prove', startedAt: 1, reason: 'auditor', by: 'someone' }
  const packageKey = await cloud.vault.createSecretVersion('package-key', { rollover: 'run-1' })
  const facts = { kind: 'begun', rolloverId: 'run-1', why: 'byHand', reason: 'auditor', by: 'someone', at: 1 } as const
  await evidence.append(facts)
  expect((await handler()).body['run']).toEqual({
    id: 'run-1',
    why: 'byHand',
    step: 'prove',
    startedAt: 1,
    reason: 'auditor',
    by: 'someone',
  })
  expect(await states()).toContain(`package-key ${packageKey} new`)
  expect(await states()).toContain(`package-key ${first.packageKey} current`)
  const read = await readPointer(rows)
  await replacePointer(rows, { ...first, packageKey, rolloverId: 'run-1' }, read?.etag ?? '')
  run = undefined
  const head = await evidence.append({ ...facts, kind: 'adopted' })
  expect(await states()).toContain(`package-key ${packageKey} current`)
  expect(await states()).toContain(`package-key ${first.packageKey} old`)
  await cloud.vault.disableSecretVersion('package-key', first.packageKey)
  expect(await states()).toContain(`package-key ${first.packageKey} disabled`)

  const { history, chain } = JSON.parse(JSON.stringify((await handler()).body))
  expect(chain).toEqual({ state: 'intact', problems: [], head })
  expect(history).toMatchObject([{ ...facts }, { ...facts, kind: 'adopted' }])
  expect(headText(headOf(history[1]))).toBe(head)
})
