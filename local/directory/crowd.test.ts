import { afterAll, beforeAll, expect, test } from 'vitest'
import { sidText } from './identifiers.ts'
import { type Bench, outcome, startBench } from './testing.ts'

let bench: Bench
beforeAll(async () => {
  bench = await startBench({ crowd: 30 })
})
afterAll(() => bench.close())

async function crowd(...attributes: string[]) {
  const service = await bench.asService()
  const options = {
    scope: 'sub' as const,
    filter: '(sAMAccountName=person*)',
    attributes,
    explicitBufferAttributes: ['objectSid', 'objectGUID'],
  }
  return (await service.search(bench.directory.forest.serviceAccount.scope, options)).searchEntries
}

test('each has a name, a SID and a GUID of their own', async () => {
  const people = await crowd('objectSid', 'objectGUID', 'sAMAccountName', 'userPrincipalName', 'distinguishedName', 'uSNCreated')
  expect(people).toHaveLength(30)
  for (const attribute of ['objectGUID', 'sAMAccountName', 'userPrincipalName', 'distinguishedName', 'uSNCreated']) {
    expect(new Set(people.map((each) => String(each[attribute]))).size, attribute).toBe(30)
  }
  const sids = people.map(({ objectSid }) => sidText(objectSid as Buffer))
  expect(new Set(sids).size).toBe(30)
  expect(people.map(({ dn, distinguishedName }) => dn === distinguishedName)).not.toContain(false)
})

test('a write to one is a write to that one', async () => {
  const [first, second] = await crowd('cn')
  const { control } = bench.directory
  control.setAttributes(first?.dn ?? '', { displayName: 'Somebody Else' })
  expect(control.user(first?.dn ?? '').displayName).toBe('Somebody Else')
  expect(control.user(second?.dn ?? '').displayName).toBe('Person 000002')
})

test('nobody can sign in as one', async () => {
  const [, second] = await crowd('cn')
  expect(await outcome(bench.client().bind(second?.dn ?? '', 'Start!Pass2026'))).toBe('49 52e')
})
