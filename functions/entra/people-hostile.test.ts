/** Whatever Graph answers, and whoever answers in its place: a person with the right name or id, nobody, or GRAPH_UNAVAILABLE. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestTenant, type TestTenant } from '../../local/entra/test-tenant.ts'
import { type Listener, listen, type WebAnswer } from '../../local/web.ts'
import { isFault } from '../../shared/fault.ts'
import { bent, hostileText, magicNames } from '../../test/hostile.ts'
import { openGraph } from './graph.ts'
import { openPeople, type People } from './people.ts'

const id = 'aaaaaaaa-0000-4000-8000-000000000001'
const name = 'ada@example.test'
let answer: WebAnswer
let tenant: TestTenant
let graph: Listener
let people: People
beforeAll(async () => {
  tenant = await startTestTenant()
  graph = await listen(async () => answer, { tls: tenant.tls })
  const credential = { getToken: async () => ({ token: 'token', expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) }
  people = openPeople(openGraph({ graphUrl: `https://127.0.0.1:${graph.port}`, credential, local: { ca: tenant.tls.ca } }))
})
afterAll(async () => {
  await graph.close()
  await tenant.entra.close()
})

const ada = {
  id,
  userPrincipalName: name,
  mail: 'ada@home.example.test',
  otherMails: ['a@b.test'],
  accountEnabled: true,
  onPremisesSyncEnabled: true,
  onPremisesImmutableId: 'AAECAwQFBgcICQoLDA0ODw==',
}
const value = fc.oneof(hostileText(300), fc.jsonValue(), fc.constantFrom(null, '', 0, [], {}, ['\ud800'], 'x'.repeat(100_000)))
const changed = fc
  .array(fc.tuple(fc.constantFrom(...Object.keys(ada), ...magicNames), value), { minLength: 1, maxLength: 3 })
  .map((members) => {
    const entries = [...Object.entries(ada).filter(([each]) => !members.some(([other]) => other === each)), ...members]
    return `{${entries.map(([each, put]) => `${JSON.stringify(each)}:${JSON.stringify(put)}`).join()}}`
  })
const body = fc.oneof(
  { weight: 4, arbitrary: changed },
  { weight: 1, arbitrary: bent(Buffer.from(JSON.stringify(ada))).map((bytes) => bytes.toString('utf8')) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      hostileText(500),
      fc.nat(60_000).map((depth) => '['.repeat(depth)),
    ),
  },
)

test('answers of any status and body', async () => {
  let found = 0
  await fc.assert(
    fc.asyncProperty(body, fc.constantFrom(200, 200, 200, 200, 204, 302, 400, 404), async (text, status) => {
      answer = { status, headers: { 'content-type': 'application/json', location: 'https://127.0.0.1:1/' }, body: text }
      for (const look of [() => people.byName(name), () => people.byId(id)]) {
        const person = await look().catch((error: unknown) => {
          expect(isFault(error, 'GRAPH_UNAVAILABLE'), String(error)).toBe(true)
          return undefined
        })
        if (person === undefined) continue
        found += 1
        expect(person.id).toMatch(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/)
        for (const each of [person.mailAddress, person.sourceAnchor])
          expect(each === undefined || (typeof each === 'string' && each !== '')).toBe(true)
        expect([person.enabled, person.synchronized].every((each) => typeof each === 'boolean')).toBe(true)
      }
    }),
    { numRuns: 150 },
  )
  expect(found).toBeGreaterThan(20)
})
