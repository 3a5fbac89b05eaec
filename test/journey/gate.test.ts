/**
 * The gate: nobody learns from it who exists, nobody gets more than five guesses, and asking again buys none.
 *
 * Told over HTTP as a stranger, an impatient person or a person with two tabs would; what the cloud directory was asked is
 * read from its stand-in. Tests run one after another: several count what the whole system has done.
 */
import { describe, expect, it } from 'vitest'
import { codeIn, type HttpAnswer, type ResetFlow, startReset } from '../../local/reset-client.ts'
import { codeFor, delivered, patience, personNamed, useSystem } from './support.ts'

const running = useSystem({ extraUsers: 10 })

/** Any eight digits but these. */
const wrongFor = (code: string, index = 0) => String((Number(code) + 1 + index) % 10 ** 8).padStart(8, '0')

/** An answer without what is random or the time in every answer; header names in full. */
const seen = ({ status, body, headers }: HttpAnswer, { id }: ResetFlow) => ({
  status,
  headers: [...headers.keys()].toSorted(),
  length: headers.get('content-length'),
  body: JSON.parse(
    JSON.stringify(body)
      .replaceAll(id, '<flow>')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'),
  ),
})

/** Everything a stranger can do with a name alone, once. */
async function strangersView(username: string) {
  const system = running()
  const flow = await startReset(system.url, username)
  const answers = [flow.started, await flow.read(), await delivered(system, () => flow.challenge())]
  answers.push(await flow.read(), await flow.challenge('totp'), await flow.verify('not a number'))
  for (let guess = 0; guess < 5; guess++) answers.push(await flow.verify('00000000'))
  answers.push(await flow.challenge(), await flow.password('Some-Password-1'), await flow.read())
  return answers.map((answer) => seen(answer, flow))
}

describe('a stranger', () => {
  it('sees the same of a name that nobody has as of a known one, step by step', async () => {
    const system = running()
    const known = await strangersView(personNamed(system, 'user0001').upn)
    const unknown = await strangersView('nobody.here@corp.example.test')
    const otherTenant = await strangersView('somebody@elsewhere.example.test')
    const noName = await strangersView('not a name at all')

    expect(known.map(({ status }) => status)).toEqual([202, 200, 202, 200, 400, 422, 422, 422, 422, 429, 429, 429, 409, 200])
    expect(unknown).toEqual(known)
    expect(otherTenant).toEqual(known)
    expect(noName).toEqual(known)
  })

  it('causes one look-up per code that is asked for, none by any other call, and no mail to nobody', async () => {
    const { parts, url } = running()
    const mails = (await parts.mail.call('messages')).length
    await parts.graph.call('clearRequests')

    const flow = await startReset(url, 'nobody.at.all@corp.example.test')
    await flow.read()
    expect(await parts.graph.call('requests')).toEqual([])
    await delivered({ parts }, () => flow.challenge())
    await flow.verify('00000000')
    await flow.password('Some-Password-1')
    await flow.read()

    expect(await parts.graph.call('requests')).toEqual([
      expect.stringMatching(/^GET \/v1\.0\/users\/nobody\.at\.all@corp\.example\.test\?\$select=/),
    ])
    expect(await parts.mail.call('messages')).toHaveLength(mails)
  })

  it('of a known person looks up the name for the mail, and the id, roles and domain only once the code was right', async () => {
    const system = running()
    const person = personNamed(system, 'user0002')
    const requests = async () => (await system.parts.graph.call('requests')).map((line) => line.replace(/\?.*$/, ''))
    await system.parts.graph.call('clearRequests')

    const flow = await startReset(system.url, person.upn)
    expect(await requests()).toEqual([])
    const code = await codeFor(system, flow, person.mail)
    await flow.verify(wrongFor(code))
    expect(await requests()).toEqual([`GET /v1.0/users/${person.upn}`])
    await flow.verify(code)
    const [byName, byId, ...more] = await requests()
    expect([byName, byId]).toEqual([`GET /v1.0/users/${person.upn}`, expect.stringMatching(/^GET \/v1\.0\/users\/[0-9a-f-]{36}$/)])
    const others = more.filter(
      (each) => !/^GET \/v1\.0\/(users\/[0-9a-f-]{36}\/|roleManagement|identityGovernance|domains|directory)/.test(each),
    )
    expect([more.length > 0, others]).toEqual([true, []])
  })
})

describe('guessing', () => {
  it('ends after five wrong codes; the right one does not help any more', async () => {
    const system = running()
    const person = personNamed(system, 'user0003')
    const flow = await startReset(system.url, person.upn)
    const code = await codeFor(system, flow, person.mail)

    for (const triesLeft of [4, 3, 2, 1]) {
      expect(await flow.verify(wrongFor(code))).toMatchObject({ status: 422, body: { code: 'wrongCode', triesLeft } })
    }
    const closed = { status: 429, body: { code: 'tooManyTries', title: 'Too many tries. Please start again.' } }
    expect(await flow.verify(wrongFor(code))).toMatchObject(closed)
    expect(await flow.verify(code)).toMatchObject(closed)
    expect(await flow.challenge()).toMatchObject(closed)
    expect(await flow.password('Some-Password-1')).toMatchObject({ status: 409, body: { code: 'wrongState', state: 'closed' } })
    expect((await flow.read()).body).toMatchObject({ state: 'closed', triesLeft: 0 })
  })

  it('with twenty codes at once gets no more than five answers', async () => {
    const system = running()
    const person = personNamed(system, 'user0004')
    const flow = await startReset(system.url, person.upn)
    const code = await codeFor(system, flow, person.mail)

    const told: HttpAnswer[] = []
    for (let round = 0; (await flow.read()).body.state === 'challenged'; round++) {
      const guesses = Array.from({ length: 20 }, (_, index) => flow.verify(wrongFor(code, 20 * round + index)))
      told.push(...(await Promise.all(guesses)))
    }

    const tries = told.filter(({ body }) => body.code === 'wrongCode').map(({ body }) => body.triesLeft)
    expect(tries.toSorted()).toEqual([1, 2, 3, 4])
    expect(['wrongCode', 'conflict', 'tooManyTries']).toEqual(expect.arrayContaining(told.map(({ body }) => body.code)))
    expect(await flow.verify(code)).toMatchObject({ status: 429, body: { code: 'tooManyTries' } })
  })

  it('is not helped by asking again: three codes at most, the tries stay spent, and an older code is void', async () => {
    const system = running()
    const person = personNamed(system, 'user0005')
    const flow = await startReset(system.url, person.upn)
    const first = await codeFor(system, flow, person.mail)
    expect(await flow.verify(wrongFor(first))).toMatchObject({ body: { code: 'wrongCode', triesLeft: 4 } })

    const second = await codeFor(system, flow, person.mail)
    expect(await flow.verify(first)).toMatchObject({ body: { code: 'wrongCode', triesLeft: 3 } })
    const third = await codeFor(system, flow, person.mail)
    expect(await flow.challenge()).toMatchObject({ status: 429, body: { code: 'tooManyCodes' } })

    expect(await flow.verify(second)).toMatchObject({ body: { code: 'wrongCode', triesLeft: 2 } })
    expect(await flow.verify(third)).toMatchObject({ status: 200, body: { state: 'verified' } })
    expect(await flow.verify(third)).toMatchObject({ status: 409, body: { code: 'wrongState', state: 'verified' } })
    expect(await system.parts.mail.call('messages', person.mail)).toHaveLength(3)
  })

  it('with the code of another flow, even of the same person, fails', async () => {
    const system = running()
    const person = personNamed(system, 'user0006')
    const mine = await startReset(system.url, person.upn)
    const theirs = await startReset(system.url, person.upn)
    await codeFor(system, mine, person.mail)
    const code = await codeFor(system, theirs, person.mail)

    expect(await mine.verify(code)).toMatchObject({ status: 422, body: { code: 'wrongCode' } })
    expect(await theirs.verify(code)).toMatchObject({ status: 200 })
  })
})

describe('an impatient person', () => {
  it('who types a wrong code while the mail is still under way gets the mail all the same', async () => {
    const system = running()
    const person = personNamed(system, 'user0007')
    const { graph, mail } = system.parts
    await graph.call('clearRequests')
    await graph.call('faults', [{ kind: 'throttle', count: 1 }])

    const flow = await startReset(system.url, person.upn)
    await flow.challenge()
    // The first look-up was throttled: the code is being made now, and the row it goes to was already read.
    await expect.poll(async () => (await graph.call('requests')).length, { ...patience, interval: 10 }).toBe(1)
    expect(await flow.verify('00000000')).toMatchObject({ status: 422, body: { code: 'wrongCode', triesLeft: 4 } })

    const { text } = await mail.call('waitFor', person.mail, 0, patience.timeout)
    expect(await flow.verify(codeIn(text))).toMatchObject({ status: 200, body: { state: 'verified' } })
  })

  it('who sends the right code twice at once passes once; the other answer is a conflict, not a lost try', async () => {
    const system = running()
    const person = personNamed(system, 'user0009')
    const flow = await startReset(system.url, person.upn)
    const code = await codeFor(system, flow, person.mail)

    const answers = await Promise.all([flow.verify(code), flow.verify(code)])

    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409])
    expect((await flow.read()).body).toMatchObject({ state: 'verified', triesLeft: 5 })
  })

  it('cannot set a password before the gate is passed', async () => {
    const system = running()
    const flow = await startReset(system.url, personNamed(system, 'user0008').upn)
    const refused = (state: string) => ({ status: 409, body: { code: 'wrongState', status: 409, state } })
    expect(await flow.verify('12345678')).toMatchObject(refused('started'))
    expect(await flow.password('Some-Password-1')).toMatchObject(refused('started'))
    await delivered(system, () => flow.challenge())
    expect(await flow.password('Some-Password-1')).toMatchObject(refused('challenged'))
  })
})

describe('a name', () => {
  it.each([
    ['a star', '*'],
    ['a star in front of the domain', '*@corp.example.test'],
    ['a filter', "x' or startswith(mail,'a') or '1' eq '1"],
    ['quotes around it', '"alice.adams@corp.example.test"'],
    ['a path behind it', 'alice.adams@corp.example.test/manager'],
    ['a path in front of it', '../users/alice.adams@corp.example.test'],
    ['a query behind it', 'alice.adams@corp.example.test?$select=id'],
    ['a percent-encoded slash', 'alice.adams@corp.example.test%2Fmanager'],
    ['a NUL behind it', 'alice.adams@corp.example.test\0'],
    ['a line break and a header', 'alice.adams@corp.example.test\r\nBcc: mallory@example.test'],
    ['two of them', 'alice.adams@corp.example.test,bob.brown@corp.example.test'],
    ['a backslash', 'CORP\\alice.adams'],
    ['the account name alone', 'alice.adams'],
    ['a DN', 'CN=Alice Adams,OU=Staff,DC=corp,DC=example,DC=test'],
    ['a lone surrogate', '\ud800@corp.example.test'],
    ['letters that look the same', 'аlice.adams@corp.example.test'],
    ['1,000 characters', `${'x'.repeat(980)}@corp.example.test`],
    ['1,024 characters outside the basic plane', '😀'.repeat(512)],
  ])('with %s is accepted, looked up nowhere, and nothing is sent', async (_what, username) => {
    const { url, parts } = running()
    const { graph, mail, bus } = parts
    await graph.call('clearRequests')
    const before = { mails: (await mail.call('messages')).length, requests: (await bus.call('stats'))['requests']?.sent }

    const flow = await startReset(url, username)
    const challenged = await delivered({ parts }, () => flow.challenge())

    expect(flow.started.status).toBe(202)
    expect(challenged).toMatchObject({ status: 202, body: { state: 'challenged', gate: 'mailCode', triesLeft: 5 } })
    expect(await graph.call('requests')).toEqual([])
    const after = { mails: (await mail.call('messages')).length, requests: (await bus.call('stats'))['requests']?.sent }
    expect(after).toEqual(before)
  })

  it('in capital letters is the same name', async () => {
    const system = running()
    const person = personNamed(system, 'user0010')
    const flow = await startReset(system.url, person.upn.toUpperCase())
    const code = await codeFor(system, flow, person.mail)
    expect(await flow.verify(code)).toMatchObject({ status: 200, body: { state: 'verified' } })
  })
})
