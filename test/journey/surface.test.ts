/**
 * The surface as a program meets it: what a well-formed call is, and what each malformed one is told, in complete bodies.
 *
 * Whatever is wrong, the answer is problem+json with a code of its own, may not be cached, and repeats nothing of what was
 * sent: `CANARY` stands in every wrong place.
 */
import { describe, expect, it } from 'vitest'
import { call, type HttpAnswer, startReset } from '../../local/reset-client.ts'
import { codeFor, personNamed, useSystem } from './support.ts'

const running = useSystem({ extraUsers: 1 })

const canary = 'CANARY-7f3a'
const problem = (status: number, code: string, title: string, more: object = {}) => ({
  type: `urn:password-writeback:problem:${code}`,
  title,
  status,
  code,
  ...more,
})
const malformedJson = problem(400, 'malformedJson', 'The body is not valid JSON.')
const lengthRequired = problem(411, 'lengthRequired', 'Send the body with its Content-Length, not in chunks.')
const invalidBody = (...fields: string[]) => problem(400, 'invalidBody', 'The body does not have the expected fields.', { fields })
const notJson = problem(415, 'notJson', 'Send the body as application/json.')
const bodyTooLarge = problem(413, 'bodyTooLarge', 'The body is larger than this call takes.')
const foreignOrigin = problem(403, 'foreignOrigin', 'Calls from other sites are not accepted.')
const unknownFlow = problem(404, 'unknownFlow', 'There is no such request, or it is not yours.')

const usualHeaders = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

function expectProblem({ status, body, headers }: HttpAnswer, expected: ReturnType<typeof problem>): void {
  expect(body).toEqual(expected)
  expect(status).toBe(expected.status)
  expect(Object.fromEntries(headers)).toMatchObject({ ...usualHeaders, 'content-type': 'application/problem+json' })
  expect(headers.getSetCookie()).toEqual([])
  expect(JSON.stringify([body, ...headers])).not.toContain(canary)
}

describe('a body', () => {
  const name = JSON.stringify(canary)
  it.each([
    ['nothing', '', malformedJson],
    ['no JSON', `${canary}`, malformedJson],
    ['half of a JSON object', `{"username":${name}`, malformedJson],
    ['two of them', `{"username":${name}}{}`, malformedJson],
    ['a comment', `{"username":${name}} // ${canary}`, malformedJson],
    ['null', 'null', invalidBody('body')],
    ['a text', name, invalidBody('body')],
    ['an array', `[{"username":${name}}]`, invalidBody('body')],
    ['an empty object', '{}', invalidBody('username')],
    ['a field too many', `{"username":"a@b.test",${name}:${name}}`, invalidBody('unknown field')],
    ['another field', `{${name}:${name}}`, invalidBody('username', 'unknown field')],
    ['__proto__', `{"username":"a@b.test","__proto__":{${name}:1}}`, invalidBody('unknown field')],
    ['a number', '{"username":7}', invalidBody('username')],
    ['null as name', '{"username":null}', invalidBody('username')],
    ['an array as name', `{"username":[${name}]}`, invalidBody('username')],
    ['an object as name', `{"username":{${name}:1}}`, invalidBody('username')],
    ['an empty name', '{"username":""}', invalidBody('username')],
    ['a name of 1,025 characters', JSON.stringify({ username: canary.padEnd(1025, 'x') }), invalidBody('username')],
    ['exactly 16 KB', `{"username":${name}}`.padEnd(16_384), undefined],
    ['one byte more', `{"username":${name}}`.padEnd(16_385), bodyTooLarge],
    ['a megabyte', `{"username":${name}}`.padEnd(1_048_576), bodyTooLarge],
  ] as const)('with %s', async (_what, body, expected) => {
    const answer = await call(running().url, 'reset', { body })
    if (expected) expectProblem(answer, expected)
    else expect(answer.status).toBe(202)
  })

  it.each([
    ['challenge', {}, invalidBody('gate')],
    ['challenge', { gate: canary.padEnd(33, 'x') }, invalidBody('gate')],
    [
      'challenge',
      { gate: canary },
      problem(400, 'unknownGate', 'This way of proving who you are is not offered.', { gates: ['mailCode'] }),
    ],
    [
      'challenge',
      { gate: 'constructor' },
      problem(400, 'unknownGate', 'This way of proving who you are is not offered.', { gates: ['mailCode'] }),
    ],
    ['verify', { gate: 'mailCode' }, invalidBody('code')],
    ['verify', { gate: 'mailCode', code: 12345678 }, invalidBody('code')],
    ['verify', { gate: 'mailCode', code: canary.padEnd(65, '1') }, invalidBody('code')],
    ['verify', { code: canary, gate: canary }, problem(400, 'unknownGate', 'This way of proving who you are is not offered.')],
    ['password', {}, invalidBody('newPassword')],
    ['password', { newPassword: null }, invalidBody('newPassword')],
    ['password', { newPassword: [canary] }, invalidBody('newPassword')],
    ['password', { newPassword: canary, oldPassword: canary }, invalidBody('unknown field')],
    ['password', { password: canary }, invalidBody('newPassword', 'unknown field')],
  ])('for %s of %j', async (step, body, expected) => {
    const { url } = running()
    const { id, cookie } = await startReset(url, 'anybody@corp.example.test')
    expectProblem(await call(url, `reset/${id}/${step}`, { body, headers: { cookie } }), expected)
  })

  it.each([
    ['text/plain', 'text/plain'],
    ['a form', 'application/x-www-form-urlencoded'],
    ['a form with a file', 'multipart/form-data; boundary=x'],
    ['another kind of JSON', 'application/json-seq'],
    ['nothing said', ''],
  ])('sent as %s', async (_what, type) => {
    const answer = await call(running().url, 'reset', { body: { username: canary }, headers: { 'content-type': type } })
    expectProblem(answer, notJson)
  })

  it('that is not UTF-8 is malformed', async () => {
    const body = Buffer.concat([Buffer.from('{"username":"'), Buffer.from([0xc3, 0x28]), Buffer.from(`${canary}"}`)])
    const response = await fetch(`${running().url}/api/reset`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    expectProblem({ status: response.status, body: await response.json(), headers: response.headers }, malformedJson)
  })

  // The Functions host hands over a body only where Content-Length announces one (local/host/http.ts): said so, not "malformed".
  it.each([
    ['small', 1],
    ['over 16 KB', 100],
  ])('in chunks, %s, is asked for its length', async (_what, count) => {
    const chunks = [`{"username":"${canary}"}`, ...Array.from({ length: count }, () => ' '.repeat(1_024))]
    const body = ReadableStream.from(chunks.map((chunk) => Buffer.from(chunk)))
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${running().url}/api/reset`, { method: 'POST', body, headers, duplex: 'half' })
    expectProblem({ status: response.status, body: await response.json(), headers: response.headers }, lengthRequired)
  })
})

describe('a page', () => {
  it('of our own origin may call, and so may a program, which has none', async () => {
    const { url } = running()
    expect(await call(url, 'reset', { body: { username: 'a@b.test' }, headers: { origin: url } })).toMatchObject({ status: 202 })
    expect(await call(url, 'status', { headers: { origin: url } })).toMatchObject({ status: 200, body: { writeback: 'up' } })
  })

  it.each([
    ['another site', () => `https://${canary}.example`],
    ['a sandbox', () => 'null'],
    ['another scheme', (url: string) => url.replace('http:', 'https:')],
    ['another port', (url: string) => url.replace(/:\d+$/, '')],
    ['a longer name', (url: string) => `${url}.${canary}.example`],
    ['several at once', (url: string) => `${url}, https://${canary}.example`],
  ])('of %s may not, whatever it calls', async (_what, originOf) => {
    const { url } = running()
    const headers = { origin: originOf(url) }
    expectProblem(await call(url, 'reset', { body: { username: canary }, headers }), foreignOrigin)
    expectProblem(await call(url, 'status', { headers }), foreignOrigin)
  })
})

describe('a flow', () => {
  it('starts with its public facts in the body and its secret in one cookie that scripts and other sites never see', async () => {
    const { started, id } = await startReset(running().url, 'anybody@corp.example.test')

    expect(started.status).toBe(202)
    expect(started.body).toEqual({
      flow: expect.stringMatching(/^[A-Za-z0-9_-]{19}$/),
      gates: ['mailCode'],
      writeback: 'up',
      expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    const [cookie = '', ...more] = started.headers.getSetCookie()
    expect(more).toEqual([])
    const [pair = '', ...attributes] = cookie.split('; ')
    expect(pair).toMatch(new RegExp(`^__Host-flow-${id}=[A-Za-z0-9_-]{43}$`))
    expect(attributes.toSorted()).toEqual(['HttpOnly', 'Max-Age=900', 'Path=/', 'SameSite=Strict', 'Secure'])
    expect(Object.fromEntries(started.headers)).toMatchObject({ ...usualHeaders, 'content-type': 'application/json' })
  })

  it('is used by a program with its secret in a header', async () => {
    const system = running()
    const person = personNamed(system, 'user0001')
    const flow = await startReset(system.url, person.upn)
    const headers = { 'x-flow-secret': flow.cookie.split('=')[1] ?? '' }
    const code = await codeFor(system, flow, person.mail)
    const verified = await call(system.url, `reset/${flow.id}/verify`, { body: { gate: 'mailCode', code }, headers })
    expect(verified).toMatchObject({ status: 200, body: { flow: flow.id, state: 'verified', gate: 'mailCode', writeback: 'up' } })
    const set = await call(system.url, `reset/${flow.id}/password`, { body: { newPassword: 'By-Program-1234' }, headers })
    expect(set).toMatchObject({ status: 200, body: { code: 'done' } })
    expect(Object.fromEntries(set.headers)).toMatchObject({ ...usualHeaders, 'content-type': 'application/json' })
    expect(JSON.stringify([set.body, ...set.headers])).not.toContain('By-Program-1234')
  })

  it('that does not exist, is somebody else’s or comes without a secret reads the same at every step', async () => {
    const { url } = running()
    const mine = await startReset(url, 'me@corp.example.test')
    const other = await startReset(url, 'you@corp.example.test')
    const secret = (flow: { cookie: string }) => flow.cookie.split('=')[1] ?? ''
    const proofs: Record<string, string>[] = [
      {},
      { cookie: other.cookie },
      { cookie: `__Host-flow-${mine.id}=${secret(other)}` },
      { cookie: `__Host-flow-${mine.id}=` },
      { cookie: `__host-flow-${mine.id}=${secret(mine)}` },
      { 'x-flow-secret': secret(other) },
      { 'x-flow-secret': canary },
      { 'x-flow-secret': mine.id },
    ]
    const steps = [
      ['', undefined],
      ['/challenge', { gate: 'mailCode' }],
      ['/verify', { gate: 'mailCode', code: '12345678' }],
      ['/password', { newPassword: `Good-${canary}` }],
    ] as const
    for (const [step, body] of steps) {
      for (const headers of proofs) expectProblem(await call(url, `reset/${mine.id}${step}`, { body, headers }), unknownFlow)
      const strange = ['AAAAAAAAAAAAAAAAAAA', canary, '..%2F..', '%00', 'x'.repeat(2_000), encodeURIComponent("' or PartitionKey ne '")]
      for (const id of strange) {
        expectProblem(await call(url, `reset/${id}${step}`, { body, headers: { 'x-flow-secret': secret(mine) } }), unknownFlow)
      }
    }
    expect((await mine.read()).body).toMatchObject({ state: 'started', triesLeft: 5 })
  })
})

describe('an address that leads nowhere', () => {
  it.each([
    ['GET', ''],
    ['GET', canary],
    ['POST', 'status'],
    ['PUT', 'reset'],
    ['DELETE', 'reset/AAAAAAAAAAAAAAAAAAA'],
    ['POST', 'reset/AAAAAAAAAAAAAAAAAAA'],
    ['GET', 'reset/AAAAAAAAAAAAAAAAAAA/password'],
    ['OPTIONS', 'reset'],
    ['POST', 'deliverChallenge'],
    ['POST', 'onAgentEvent'],
  ])('%s /api/%s is 404, without a body', async (method, path) => {
    const answer = await call(running().url, path, { method })
    expect(answer).toMatchObject({ status: 404, body: undefined })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  })
})
