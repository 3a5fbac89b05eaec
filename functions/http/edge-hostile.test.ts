/** Whatever is sent over HTTP: an answer from the table, and a handler that gets what its schema says or is not called. */
import { HttpRequest } from '@azure/functions'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyBytes, bent, hostileText, magicNames } from '../../test/hostile.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { routes } from '../routes.ts'
import { atEdge, type Call, cookieName, secretHeader } from './edge.ts'
import { problems } from './problem.ts'

const flow = 'A'.repeat(22)
const clock = virtualClock()

/** What a header may hold at all: everything else no HTTP server lets through. */
const headerText = hostileText(4_000).map((text) => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, ''))
const fields = ['username', 'gate', 'code', 'newPassword', 'reason', ...magicNames]
const value = fc.oneof(hostileText(1_100), fc.jsonValue(), fc.constant({ $gt: '' }), fc.constantFrom(null, 0, '', [], {}))
/** Written by hand: `__proto__` in an object literal would be no member. */
const objectText = fc
  .array(fc.tuple(fc.constantFrom(...fields), value), { maxLength: 4 })
  .map((members) => `{${members.map(([name, each]) => `${JSON.stringify(name)}:${JSON.stringify(each)}`).join()}}`)
const deep = fc.tuple(fc.constantFrom('[', '{"username":'), fc.nat(8_000)).map(([part, depth]) => part.repeat(depth).slice(0, 16_384))
const good = ['{"username":"ada@example.test"}', '{"gate":"mailCode","code":"12345678"}', '{"newPassword":"Quite-Different-77"}']
const [first = Buffer.alloc(0), ...more] = good.map((text) => Buffer.from(text))
const body = fc.oneof(
  objectText.map((text) => Buffer.from(text)),
  fc.constantFrom(first, ...more),
  bent(first, ...more),
  deep.map((text) => Buffer.from(text)),
  anyBytes(300),
  fc.nat(40_000).map((length) => Buffer.alloc(length, 0x20)),
)
const headers = fc.dictionary(
  fc.constantFrom('cookie', secretHeader, 'traceparent', 'origin', 'content-length', 'transfer-encoding', 'x-forwarded-for'),
  headerText,
  { maxKeys: 3 },
)
const type = fc.oneof({ weight: 5, arbitrary: fc.constant('application/json') }, { weight: 1, arbitrary: headerText })

test('is answered, whatever it is', async () => {
  const withBody = routes.filter((route) => route.body !== undefined)
  // One that is taken: by chance alone it is missed now and then.
  const route = withBody.find((each) => each.body?.safeParse(JSON.parse(String(first))).success)
  if (!route) throw new Error('nobody takes a username')
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...withBody), body, headers, type, hostileText(60), async (route, bytes, more, contentType, id) => {
      const calls: Call[] = []
      const handler = async (call: Call) => {
        calls.push(call)
        call.flowSecret(id)
        return { status: 200, body: {} }
      }
      const at = atEdge<unknown>(route.name, route.body, handler, { origins: [], answerMs: 30_000, clock, log: () => {} })
      const init = { method: 'POST', url: 'https://reset.example.test/api/reset', params: { flow: id } }
      const response = await at(new HttpRequest({ ...init, headers: { 'content-type': contentType, ...more }, body: { bytes } }))
      const { code } = JSON.parse(String(response.body))
      seen.add(String(code))
      if (calls.length === 0) expect(Object.keys(problems)).toContain(code)
      for (const call of calls) {
        // Own fields alone, as declared, and nothing inherited in between.
        expect(Object.getPrototypeOf(call.body)).toBe(Object.prototype)
        expect(route.body?.safeParse(call.body).success).toBe(true)
      }
      expect(code).not.toBe('internal')
      expect(({} as Record<string, unknown>)['username']).toBeUndefined()
    }),
    { numRuns: 400, examples: [[route, first, {}, 'application/json', flow]] },
  )
  expect([...seen]).toEqual(
    expect.arrayContaining(['bodyTooLarge', 'foreignOrigin', 'invalidBody', 'malformedJson', 'notJson', 'undefined']),
  )
})

test('of any cookies: the secret of this flow as it was set, or none', async () => {
  const pair = fc.tuple(
    fc.constantFrom(cookieName(flow), `__Host-flow-${'B'.repeat(22)}`, 'other'),
    fc.constantFrom('=', '==', '', ' = '),
    headerText,
  )
  await fc.assert(
    fc.asyncProperty(fc.array(pair, { maxLength: 30 }), fc.constantFrom(';', '; ', ' ;', ','), async (pairs, separator) => {
      const cookie = pairs.map((each) => each.join('')).join(separator)
      let secret: string | undefined
      const handler = async (call: Call) => {
        secret = call.flowSecret(flow)
        return { status: 200, body: {} }
      }
      const at = atEdge('readReset', undefined, handler, { origins: [], answerMs: 30_000, clock, log: () => {} })
      const { status } = await at(new HttpRequest({ method: 'GET', url: 'https://reset.example.test/api/reset', headers: { cookie } }))
      expect(status).toBe(200)
      if (secret !== undefined) expect(cookie).toContain(`${cookieName(flow)}=${secret}`)
      expect(secret ?? '').not.toMatch(/[;=]/)
    }),
    { numRuns: 200 },
  )
})
