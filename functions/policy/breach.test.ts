import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { startBreach } from '../../local/breach.ts'
import { makeAuthority } from '../../local/ca.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import { Secret } from '../../shared/secret.ts'
import { openBreaches } from './breach.ts'

const breached = ['Summer-Rain-1999', 'наше-лето', 'x'.repeat(127)]
const logged: { event: EventName; fields: Fields | undefined }[] = []
const log = (event: EventName, fields?: Fields) => void logged.push({ event, fields })
let service: Awaited<ReturnType<typeof startBreach>>
let ca: string

beforeAll(async () => {
  const authority = await makeAuthority()
  const tls = { ca: authority.ca, ...(await authority.issue({ commonName: 'test', dnsNames: [], ipAddresses: ['127.0.0.1'] })) }
  service = await startBreach({ passwords: breached, padding: ['only-by-chance'], tls })
  ca = tls.ca
})
afterAll(() => service.close())
beforeEach(() => {
  service.control.feel('well')
  logged.splice(0)
})

const ask = (text: string, over: Partial<Parameters<typeof openBreaches>[0]> = {}) => {
  const isBreached = openBreaches({ url: service.addresses.url, log, local: { ca }, ...over })
  using password = Secret.fromText(text)
  return isBreached(password)
}

it('knows what was breached, and nothing else', async () => {
  for (const text of breached) expect(await ask(text)).toBe(true)
  for (const text of ['Summer-Rain-1998', 'only-by-chance', '']) expect([text, await ask(text)]).toEqual([text, false])
  expect(logged).toEqual([])
})

it('tells five hex digits, whatever the password: no more of it leaves', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }), async (text) => {
      service.control.feel('well')
      await ask(text)
      expect(service.control.asked()).toEqual([expect.stringMatching(/^\/range\/[0-9A-F]{5}$/)])
    }),
    { numRuns: 10 },
  )
})

it.each([
  ['hangs', 'TimeoutError'],
  ['fails', 'STATUS_503'],
  ['nonsense', 'NOT_A_RANGE'],
  ['moved', 'STATUS_302'],
  ['endless', 'ANSWER_TOO_LARGE'],
] as const)('stands in nobody’s way when the service %s, says so in the log, and asks once', async (mood, fault) => {
  service.control.feel(mood)
  expect(await ask(breached[0] ?? '', mood === 'hangs' ? { timeoutMs: 20 } : {})).toBe(false)
  expect(logged).toEqual([{ event: 'breachUnchecked', fields: { fault } }])
  expect(service.control.asked().length).toBeLessThanOrEqual(1)
})

it('asks nobody whose certificate does not fit, and nobody at all where the deployment names none', async () => {
  const { ca: another } = await makeAuthority()
  expect(await ask(breached[0] ?? '', { local: { ca: another } })).toBe(false)
  expect(await ask(breached[0] ?? '', { url: undefined })).toBe(false)
  expect(service.control.asked()).toEqual([])
  expect(logged.map(({ fields }) => fields?.fault)).toEqual([expect.stringMatching(/CERT|SIGNATURE/), 'BREACH_URL_MISSING'])
})

it('leaves the password as it was', async () => {
  using password = Secret.fromText('Summer-Rain-1999')
  await openBreaches({ url: service.addresses.url, log, local: { ca } })(password)
  expect(password.use(String)).toBe('Summer-Rain-1999')
})
