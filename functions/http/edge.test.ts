import { HttpRequest } from '@azure/functions'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { Fault, type FaultCode, faultCodes } from '../../shared/fault.ts'
import type { Fields } from '../../shared/log.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { routes } from '../routes.ts'
import { type Admission, atEdge, type Call, defaultMaxBodyBytes, type Handler, secretCookie } from './edge.ts'
import { type Answer, problem } from './problem.ts'

const url = 'https://reset.example.test/api/reset'
const home = 'https://reset.example.test'
const clock = virtualClock()
const schema = z.strictObject({ username: z.string().min(1).max(1024) })
const ok: Answer = { status: 200, body: { fine: true } }

interface Sent {
  body?: string | Uint8Array
  headers?: Record<string, string>
  params?: Record<string, string>
  method?: 'GET' | 'POST'
}

/** One call through the edge: the response as a client sees it, what the handler got, and what was logged. */
async function through(sent: Sent, handler: Handler = async () => ok, body: z.ZodType | 'none' = schema) {
  const logged: Fields[] = []
  const calls: Call[] = []
  const deps = { origins: [home], answerMs: 30_000, clock, log: (_: string, fields: Fields = {}) => void logged.push(fields) }
  const at = atEdge(
    'startReset',
    body === 'none' ? undefined : body,
    (call) => {
      calls.push(call)
      return handler(call)
    },
    deps,
  )
  const { method = 'POST', headers = {}, params = {} } = sent
  const bytes = typeof sent.body === 'string' ? Buffer.from(sent.body) : sent.body
  const init = { method, url, params, headers: { 'content-type': 'application/json', ...headers }, ...(bytes && { body: { bytes } }) }
  const response = await at(new HttpRequest(init))
  const text = String(response.body)
  return { status: response.status, body: JSON.parse(text), text, headers: response.headers as Headers, call: calls[0], logged }
}
const named = (username: string) => JSON.stringify({ username })
const brief = async (answer: ReturnType<typeof through>) => {
  const { status, body } = await answer
  return `${status} ${body.code}`
}

describe('whatever a handler throws is answered', () => {
  const secret = 'ada@example.test has the password hunter2'
  const thrown = [
    ...faultCodes.flatMap((code): [string, unknown, string][] => [
      [`${code}, passing`, new Fault(code, secret), code === 'STORE_CONFLICT' ? '409 conflict' : '503 unavailable'],
      [`${code}, permanent`, new Fault(code, secret, { permanent: true }), code === 'STORE_CONFLICT' ? '409 conflict' : '500 internal'],
    ]),
    ['an Error', new Error(secret), '500 internal'],
    ['a TypeError', new TypeError(secret, { cause: new Fault('STORE_CONFLICT', secret) }), '500 internal'],
    ['a text', secret, '500 internal'],
    ['nothing', undefined, '500 internal'],
    ['something that cannot be read', Object.create(null), '500 internal'],
  ] as [FaultCode | string, unknown, string][]

  it.each(thrown)('%s', async (_, error, expected) => {
    const throwing = async () => {
      throw error
    }
    const answer = await through({ body: named('ada') }, throwing)
    expect(`${answer.status} ${answer.body.code}`).toBe(expected)
    expect(answer.text + JSON.stringify(answer.logged)).not.toContain('hunter2')
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
  })

  it('also before it returns a promise, and with a body that cannot be written as JSON', async () => {
    const atOnce: Handler = () => {
      throw new Error('at once')
    }
    expect(await brief(through({ body: named('ada') }, atOnce))).toBe('500 internal')
    const circle: Record<string, unknown> = {}
    circle['self'] = circle
    expect(await brief(through({ body: named('ada') }, async () => ({ status: 200, body: circle as Answer['body'] })))).toBe('500 internal')
  })

  it('and a conflict is no failure: only failures are logged', async () => {
    const conflict = async () => {
      throw new Fault('STORE_CONFLICT', 'x')
    }
    expect((await through({ body: named('ada') }, conflict)).logged).toEqual([])
    const down = async () => {
      throw new Fault('STORE_UNAVAILABLE', 'x')
    }
    expect((await through({ body: named('ada') }, down)).logged).toEqual([{ route: 'startReset', fault: 'STORE_UNAVAILABLE' }])
  })
})

describe('a body', () => {
  it.each<[string, Sent, string]>([
    ['that fits', { body: named('ada') }, '200 undefined'],
    ['with a byte order mark', { body: `\ufeff${named('ada')}` }, '200 undefined'],
    ['of exactly 16 KB', { body: `${named('ada')}${' '.repeat(defaultMaxBodyBytes - named('ada').length)}` }, '200 undefined'],
    ['of one byte more', { body: `${named('ada')}${' '.repeat(defaultMaxBodyBytes + 1 - named('ada').length)}` }, '413 bodyTooLarge'],
    ['that says it is larger than it is', { body: named('ada'), headers: { 'content-length': '16385' } }, '413 bodyTooLarge'],
    ['that says it is smaller than it is', { body: ' '.repeat(20_000), headers: { 'content-length': '10' } }, '413 bodyTooLarge'],
    ['whose length is no number', { body: ' '.repeat(20_000), headers: { 'content-length': 'ten' } }, '413 bodyTooLarge'],
    ['that is not there', {}, '400 malformedJson'],
    ['that is empty', { body: '' }, '400 malformedJson'],
    ['that ends too soon', { body: '{"username":"a"' }, '400 malformedJson'],
    ['with something behind it', { body: `${named('a')}x` }, '400 malformedJson'],
    ['in invalid UTF-8', { body: Buffer.from('7b22757365726e616d65223a22ff227d', 'hex') }, '400 malformedJson'],
    ['in overlong UTF-8', { body: Buffer.from('7b22757365726e616d65223a22c0af227d', 'hex') }, '400 malformedJson'],
    ['in UTF-16', { body: Buffer.from(`\ufeff${named('ada')}`, 'utf16le') }, '400 malformedJson'],
    ['nested without end', { body: '['.repeat(defaultMaxBodyBytes) }, '400 malformedJson'],
    ['nested deeply', { body: '['.repeat(8_000) + ']'.repeat(8_000) }, '400 invalidBody'],
    ['that is null', { body: 'null' }, '400 invalidBody'],
    ['that is a list', { body: '["ada"]' }, '400 invalidBody'],
    ['that is a text', { body: '"ada"' }, '400 invalidBody'],
    ['with a field missing', { body: '{}' }, '400 invalidBody'],
    ['with a field of another type', { body: '{"username":["a"]}' }, '400 invalidBody'],
    ['with an empty field', { body: named('') }, '400 invalidBody'],
    ['with a field that is too long', { body: named('a'.repeat(1025)) }, '400 invalidBody'],
    ['with a field more', { body: '{"username":"a","admin":true}' }, '400 invalidBody'],
    ['with a prototype', { body: '{"username":"a","__proto__":{"admin":true}}' }, '400 invalidBody'],
    ['only in a prototype', { body: '{"__proto__":{"username":"a"}}' }, '400 invalidBody'],
  ])('%s', async (_, sent, expected) => {
    expect(await brief(through(sent))).toBe(expected)
  })

  it.each([
    ['application/json', '200 undefined'],
    ['Application/JSON ; charset=utf-8', '200 undefined'],
    ['application/jsonp', '415 notJson'],
    ['application/json, text/html', '415 notJson'],
    ['text/json', '415 notJson'],
    ['text/plain; application/json', '415 notJson'],
    ['application/x-www-form-urlencoded', '415 notJson'],
    ['', '415 notJson'],
  ])('of type "%s"', async (type, expected) => {
    expect(await brief(through({ body: named('ada'), headers: { 'content-type': type } }))).toBe(expected)
  })

  it('that does not fit is answered by the names of our fields, never by what was sent', async () => {
    const { body, text } = await through({ body: '{"username":5,"hunter2":"hunter3","ada":1}' })
    expect(body.fields.sort()).toEqual(['unknown field', 'username'])
    expect(text).not.toMatch(/hunter|ada/)
  })

  it('is not read where none is expected', async () => {
    const answer = await through({ method: 'GET' }, undefined, 'none')
    expect([answer.status, answer.call?.body]).toEqual([200, undefined])
  })

  it('reaches every route of the surface with its own fields only', async () => {
    for (const { body } of routes) {
      if (body) expect(await brief(through({ body: '{"surplus":1}' }, undefined, body))).toBe('400 invalidBody')
    }
  })
})

describe('an origin', () => {
  it.each<[string | undefined, number]>([
    [undefined, 200],
    [home, 200],
    ['https://evil.example', 403],
    [`${home}.evil.example`, 403],
    [`${home}:8443`, 403],
    ['http://reset.example.test', 403],
    [`${home}, https://evil.example`, 403],
    ['null', 403],
    ['', 403],
  ])('%s is answered %i', async (origin, expected) => {
    const headers: Record<string, string> = origin === undefined ? {} : { origin }
    const answer = await through({ body: named('ada'), headers })
    expect([answer.status, answer.call === undefined]).toEqual([expected, expected !== 200])
  })
})

describe('the flow’s secret', () => {
  const flow = 'A'.repeat(22)
  const longer = `${flow}B`
  const secretOf = async (headers: Record<string, string>, id = flow) => (await through({ body: named('a'), headers })).call?.flowSecret(id)

  it.each<[string, Record<string, string>, string | undefined]>([
    ['in its cookie', { cookie: `__Host-flow-${flow}=s1` }, 's1'],
    ['among other cookies', { cookie: `a=b;__Host-flow-${longer}=no;  __Host-flow-${flow}=s1 ;c=d` }, 's1'],
    ['not in the cookie of a flow whose id begins the same', { cookie: `__Host-flow-${longer}=no; __Host-flow-=no` }, undefined],
    ['not in a cookie without the prefix', { cookie: `flow-${flow}=no; x__Host-flow-${flow}=no` }, undefined],
    ['not in a name of other case', { cookie: `__host-flow-${flow}=no` }, undefined],
    ['in the first of two', { cookie: `__Host-flow-${flow}=first; __Host-flow-${flow}=second` }, 'first'],
    ['in the header for programs', { 'x-flow-secret': 's2' }, 's2'],
    ['in the cookie rather than the header', { cookie: `__Host-flow-${flow}=s1`, 'x-flow-secret': 's2' }, 's1'],
    ['in the header, with the cookie of another flow', { cookie: `__Host-flow-${longer}=no`, 'x-flow-secret': 's2' }, 's2'],
    ['in the header, with cookies that are none', { cookie: ';;=;= ;', 'x-flow-secret': 's2' }, 's2'],
    ['nowhere', {}, undefined],
  ])('is %s', async (_, headers, expected) => {
    expect(await secretOf(headers)).toBe(expected)
  })

  it('comes back as the cookie that was set', async () => {
    const [pair = ''] = secretCookie(flow, 'a_secret-1', 900).split(';')
    expect(await secretOf({ cookie: pair })).toBe('a_secret-1')
  })
})

describe('every answer', () => {
  it('is not stored, not sniffed, and carries its cookies', async () => {
    const { headers } = await through({ body: named('a') }, async () => ({ ...ok, cookies: ['a=1', 'b=2'] }))
    expect([headers.get('cache-control'), headers.get('x-content-type-options'), headers.getSetCookie()]).toEqual([
      'no-store',
      'nosniff',
      ['a=1', 'b=2'],
    ])
    const refused = await through({ body: '' })
    expect([refused.headers.get('cache-control'), refused.headers.get('x-content-type-options')]).toEqual(['no-store', 'nosniff'])
  })

  it('is due after the answer time, and the handler knows', async () => {
    const { call } = await through({ body: named('a'), headers: { traceparent: '00-x' }, params: { flow: 'f' } })
    expect([call?.deadline.aborted, call?.traceparent, call?.params]).toEqual([false, '00-x', { flow: 'f' }])
    await clock.advance(29_999)
    expect(call?.deadline.aborted).toBe(false)
    await clock.advance(1)
    expect(call?.deadline.aborted).toBe(true)
  })
})

describe('an administrators’ route', () => {
  const ada = { id: 'c1b2c3d4-0000-4000-8000-0000000000ff', role: 'Writeback.Admin' } as const
  const deps = { origins: [home], answerMs: 30_000, clock, log: () => {} }
  const calling = (admission: Admission) => {
    const asked: (string | null)[] = []
    const calls: Call[] = []
    const admit = async (authorization: string | null) => {
      asked.push(authorization)
      return admission
    }
    const handler: Handler = async (call) => {
      calls.push(call)
      return ok
    }
    const at = atEdge('relink', schema, handler, { ...deps, admit })
    const send = (headers: Record<string, string>, text: string) =>
      at(new HttpRequest({ method: 'POST', url: `${url}?before=7`, headers, body: { bytes: Buffer.from(text) } }))
    return { send, asked, calls }
  }
  const json = { 'content-type': 'application/json', authorization: 'Bearer a.b.c' }

  it('is told who calls', async () => {
    const { send, asked, calls } = calling({ kind: 'admitted', administrator: ada })
    expect(await send(json, named('ada'))).toMatchObject({ status: 200 })
    expect(asked).toEqual(['Bearer a.b.c'])
    expect(calls).toMatchObject([{ administrator: ada, body: { username: 'ada' } }])
    expect(calls[0]?.query.get('before')).toBe('7')
  })

  it('is told of a signed-in user, and of nobody', async () => {
    const user = { id: ada.id, signedInAt: 5 }
    const signedIn = calling({ kind: 'admitted', user })
    await signedIn.send(json, named('ada'))
    expect(signedIn.calls).toMatchObject([{ user }])
    const flow = calling({ kind: 'admitted' })
    await flow.send(json, named('ada'))
    expect(Object.keys(flow.calls[0] ?? {}).filter((name) => ['user', 'administrator'].includes(name))).toEqual([])
  })

  it('refuses before it reads what was sent, with the challenge in its header', async () => {
    const answer = { ...problem('notSignedIn'), challenge: 'Bearer realm=""' }
    const { send, calls } = calling({ kind: 'refused', answer })
    const response = await send({}, 'no JSON')
    expect(response.status).toBe(401)
    expect(Object.fromEntries(response.headers as Headers)).toMatchObject({
      'www-authenticate': 'Bearer realm=""',
      'content-type': 'application/problem+json',
    })
    expect(calls).toEqual([])
  })

  it('asks nobody who they are when the page is of another site', async () => {
    const { send, asked } = calling({ kind: 'admitted', administrator: ada })
    expect(await send({ ...json, origin: 'https://evil.example' }, named('ada'))).toMatchObject({ status: 403 })
    expect(asked).toEqual([])
  })
})
