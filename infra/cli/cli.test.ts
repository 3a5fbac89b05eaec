/** What each command asks for, says and exits with; the whole way to the API is test/journey/administrators.test.ts. */
import { describe, expect, it } from 'vitest'
import { beginning, type EvidenceRecord, headOf, headText } from '../../shared/evidence.ts'
import { Fault } from '../../shared/fault.ts'
import type { ManageAnswer } from '../../shared/manage.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { type Given, UsageError } from './command.ts'
import { commands, run } from './run.ts'

type Answer = ManageAnswer | Fault
const ok = (body: ManageAnswer['body'], status = 200): ManageAnswer => ({ status, body })

/** A command against an API that answers these, one after the other; the last again and again. */
async function given(name: string, answers: Answer[], over: Partial<Given> = {}, typed?: string) {
  const asked: unknown[][] = []
  const printed: string[] = []
  const told: string[] = []
  const clock = virtualClock()
  const call: Given['manage']['call'] = async (...request) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)] ?? ok({})
    asked.push(request)
    if (answer instanceof Fault) throw answer
    return answer
  }
  const io = {
    print: (text: string) => void printed.push(text),
    tell: (text: string) => void told.push(text),
    ...(typed !== undefined && { ask: async () => typed }),
  }
  const plain = {
    args: [],
    reason: 'because',
    override: false,
    yes: false,
    json: false,
    wait: true,
    before: undefined,
    head: undefined,
    filter: {},
    format: undefined,
    keep: false,
  }
  const running = commands[name]?.run({ manage: { call }, io, clock, ...plain, ...over })
  let ended = false
  const code = running?.finally(() => {
    ended = true
  })
  code?.catch(() => {})
  for (let n = 0; n < 1_000 && !ended; n++) await clock.advance(3_000)
  return { code: await code, asked, printed: printed.join('\n'), told: told.join('\n') }
}

const theRun = { id: 'r1', why: 'byHand', step: 'make', startedAt: 0, reason: 'because', by: 'ada' }
const begun = ok({ run: theRun }, 202)
const going = (step: string, problem?: string) => ok({ keys: [], history: [], run: { ...theRun, step, problem } })
const over = (step: string) => ok({ keys: [], history: [], run: { ...theRun, step } })

describe('what is asked of the API', () => {
  it.each<[string, Partial<Given>, unknown[]]>([
    ['status', {}, ['GET', 'status']],
    ['keys', {}, ['GET', 'keys']],
    ['keys', { args: ['verify'] }, ['GET', 'keys']],
    ['audit', {}, ['GET', 'audit']],
    ['audit', { before: 'a&b' }, ['GET', 'audit?before=a%26b']],
    ['audit', { filter: { from: '2026-11-01', who: 'a b' } }, ['GET', 'audit?from=2026-11-01&who=a+b']],
    ['audit', { filter: { who: 'w' }, format: 'csv' }, ['GET', 'audit?who=w&format=csv']],
    ['users', { args: ['reset', 'u/1'] }, ['POST', 'users/u%2F1/password', { reason: 'because' }]],
    ['users', { args: ['reset', 'u1'], keep: true }, ['POST', 'users/u1/password', { reason: 'because', mustChange: false }]],
    ['users', { args: ['unlock', 'u1'] }, ['POST', 'users/u1/unlock', { reason: 'because' }]],
    ['users', { args: ['check', 'u1'] }, ['POST', 'users/u1/check', { reason: 'because' }]],
    ['enable', {}, ['PUT', 'writeback', { on: true, reason: 'because' }]],
    ['disable', { yes: true }, ['PUT', 'writeback', { on: false, reason: 'because' }]],
    ['rollover', {}, ['POST', 'keys/rollover', { reason: 'because' }]],
    ['rollover', { override: true }, ['POST', 'keys/rollover', { override: true, reason: 'because' }]],
    ['incident', { yes: true }, ['POST', 'incident', { reason: 'because' }]],
    ['revoke-agent', { yes: true, args: ['a/../b'] }, ['POST', 'agents/a%2F..%2Fb/revoke', { reason: 'because' }]],
    ['admit-agent', { args: ['a1'] }, ['POST', 'agents/a1/admit', { reason: 'because' }]],
    ['relink', { args: ['u1'] }, ['POST', 'users/u1/relink', { reason: 'because' }]],
  ])('%s %j', async (name, options, request) => {
    expect((await given(name, [ok({ chain: { state: 'intact' } })], options)).asked).toEqual([request])
  })

  it.each<[string, Partial<Given>]>([
    ['enable', { reason: undefined }],
    ['rollover', { reason: '  ' }],
    ['relink', {}],
    ['revoke-agent', { yes: true }],
    ['incident', {}],
    ['keys', { args: ['verfiy'] }],
    ['users', { args: ['reset'] }],
    ['users', { args: ['constructor', 'u1'] }],
    ['users', { args: ['reset', 'u1'], reason: undefined }],
    ['audit', { format: 'xlsx' }],
  ])('nothing, when %s is given %j', async (name, options) => {
    await expect(given(name, [], options)).rejects.toThrow(UsageError)
  })

  it.each(['disable', 'incident', 'revoke-agent'])('nothing, when %s is not confirmed by its name', async (name) => {
    for (const typed of ['', 'y', 'yes', 'no']) {
      expect(await given(name, [], { args: ['a1'] }, typed), typed).toMatchObject({ code: 1, asked: [], told: 'Nothing was done.' })
    }
    expect(await given(name, [ok({})], { args: ['a1'] }, name)).toMatchObject({ code: 0 })
  })
})

describe('a run', () => {
  it('is followed until the new keys are in use, each step said once, also past a moment in which the API is away', async () => {
    const away = [new Fault('API_UNAVAILABLE', 'away'), ok({}, 503)]
    const answers = [begun, going('make'), ...away, going('prove', 'agent a1 is silent'), over('overlap')]
    const { code, told, printed, asked } = await given('rollover', answers)
    expect([code, printed, asked.length]).toEqual([0, 'Done. The old versions are disabled when their overlap is over.', 6])
    expect(told.split('\n')).toEqual([
      'byHand r1: make, since 1970-01-01T00:00:00.000Z',
      'byHand r1: prove, since 1970-01-01T00:00:00.000Z; agent a1 is silent',
      'byHand r1: overlap, since 1970-01-01T00:00:00.000Z',
    ])
  })

  it('that was abandoned, or taken over by another, is a failure', async () => {
    for (const step of ['abandon', 'abandoned'])
      expect(await given('rollover', [begun, over(step)])).toMatchObject({ code: 1, printed: 'Not done: abandoned.' })
    const atOnce = ok({ run: { ...theRun, step: 'abandoned' } }, 202)
    expect(await given('enable', [atOnce])).toMatchObject({ code: 1, printed: 'Not done: abandoned.' })
    const other = ok({ keys: [], history: [], run: { ...theRun, id: 'r2' } })
    expect(await given('rollover', [begun, other])).toMatchObject({ code: 1, printed: 'Not done: taken over by another run.' })
  })

  it('that enables is a failure when it was switched off again meanwhile', async () => {
    const enabling = ok({ run: { ...theRun, why: 'enable' } }, 202)
    const adopted = ok({ run: { ...theRun, why: 'enable', step: 'overlap' } })
    expect(await given('enable', [enabling, adopted, ok({ on: true })])).toMatchObject({ code: 0, printed: 'Password writeback is on.' })
    expect(await given('enable', [enabling, adopted, ok({ on: false })])).toMatchObject({ code: 1, printed: 'Password writeback is off.' })
  })

  it('that takes too long, or is not waited for, is still under way', async () => {
    expect(await given('incident', [begun, going('make')], { yes: true })).toMatchObject({ code: 75 })
    expect(await given('rollover', [begun], { wait: false })).toMatchObject({
      code: 75,
      asked: [['POST', 'keys/rollover', { reason: 'because' }]],
    })
  })

  it('that is over when the answer comes is not asked about again', async () => {
    const answer = ok({ run: { ...theRun, step: 'done' } }, 202)
    expect(await given('incident', [answer], { yes: true })).toMatchObject({
      code: 0,
      printed: 'Done.',
      asked: [['POST', 'incident', expect.anything()]],
    })
  })
})

describe('what is said', () => {
  it('entries of the audit that somebody else wrote are an exit code', async () => {
    expect(await given('audit', [ok({ entries: [], rejected: 2 })])).toMatchObject({
      code: 1,
      printed: expect.stringContaining('somebody else'),
    })
  })

  it.each([
    [401, 'signInAgain', 77],
    [403, 'notAllowed', 77],
    [404, 'unknownUser', 1],
    [503, 'unavailable', 1],
  ])('a refusal with %i', async (status, code, exit) => {
    const answer = ok({ title: 'No.', code }, status)
    expect(await given('relink', [answer], { args: ['u'] })).toMatchObject({
      code: exit,
      told: expect.stringContaining(`Refused: No. (${code})`),
    })
  })

  it('cannot move the cursor of the terminal, whatever somebody gave as a reason', async () => {
    const entry = { at: 0, who: 'w', role: 'Writeback.Admin', action: 'relink', outcome: 'done', reason: '\u001b[2J\r\nforged \u202e line' }
    const { printed } = await given('audit', [ok({ entries: [entry], rejected: 0 })])
    expect(printed).toBe('1970-01-01T00:00:00.000Z  w (Admin)  relink: done  "�[2J��forged � line"')
  })

  it.each([200, 409])('nor as JSON, which reads the same all the same (%i)', async (status) => {
    const body = { title: '\u009b2J\u007f \u202e "x"\\', entries: [], rejected: 0 }
    const { printed } = await given('audit', [ok(body, status)], { json: true })
    expect(printed).not.toMatch(/[^\P{C}\n]/u)
    expect(JSON.parse(printed)).toEqual(body)
  })

  it('a generated password is said once, also where it is not known whether it counts', async () => {
    const body = { title: 'It is so.', code: 'done', newPassword: 'Generated-1' }
    const done = await given('users', [ok(body)], { args: ['reset', 'u1'] })
    expect([done.code, done.printed]).toEqual([0, 'It is so.\nPassword, shown this once: Generated-1'])
    const unknown = await given('users', [ok({ ...body, code: 'unknown' }, 504)], { args: ['reset', 'u1'] })
    expect([unknown.code, unknown.printed]).toEqual([1, 'Password, shown this once: Generated-1'])
  })

  it('all pages of a file, the head of the CSV once, harmless on a terminal', async () => {
    const page = (text: string, next?: string, rejected = 0) => ok({ text, next, rejected })
    const pages = [
      page('"at"\r\n"1\u009b"\r\n', '?format=csv&before=p1'),
      page('"at"\r\n', '?format=csv&before=p2'),
      page('"at"\r\n"2"\r\n'),
    ]
    const { printed, asked, code } = await given('audit', pages, { format: 'csv' })
    expect([printed, code]).toEqual(['"at"\r\n"1�"\n"2"', 0])
    expect(asked.map(([, path]) => path)).toEqual(['audit?format=csv', 'audit?format=csv&before=p1', 'audit?format=csv&before=p2'])
    expect(await given('audit', [page('', undefined, 1)], { format: 'jsonl' })).toMatchObject({
      code: 1,
      told: expect.stringContaining('somebody else'),
    })
  })

  it('steps of people, each fact by its name', async () => {
    const entry = { at: 0, event: 'settled', id: 31002, flow: 'f', outcome: 'done' }
    const { printed } = await given('audit', [ok({ entries: [entry], rejected: 0 })])
    expect(printed).toBe('1970-01-01T00:00:00.000Z  31002 settled  flow f  outcome done')
  })

  it('the state, whoever serves it', async () => {
    const agents = [
      {
        agent: 'a1',
        version: '1.0.0',
        heardAt: 0,
        linkProven: true,
        stopping: false,
        revoked: false,
        domains: [{ id: 'd', reachable: true }],
      },
      {
        agent: 'a2',
        version: '1.0.0',
        heardAt: 0,
        linkProven: false,
        stopping: true,
        revoked: true,
        domains: [{ id: 'd', reachable: false }],
      },
    ]
    const body = { on: true, since: 0, reason: 'setting', by: 'setting', writeback: 'up', agents, run: theRun }
    expect((await given('status', [ok(body)])).printed.split('\n')).toEqual([
      'Password writeback is on since 1970-01-01T00:00:00.000Z (setting, by setting); the service reads "up".',
      '2 agent(s):',
      '  a1  1.0.0  heard 1970-01-01T00:00:00.000Z',
      '  a2  1.0.0  heard 1970-01-01T00:00:00.000Z  (revoked, stopping, link not proven, 1 domain(s) not reachable)',
      'Under way: byHand r1: make, since 1970-01-01T00:00:00.000Z',
    ])
    expect(JSON.parse((await given('status', [ok(body)], { json: true })).printed)).toEqual(body)
    const first = { on: false, since: 0, reason: 'setting', writeback: 'down', agents: [], run: { ...theRun, step: 'done' } }
    expect((await given('status', [ok(first)])).printed.split('\n')).toEqual([
      'Password writeback is off since 1970-01-01T00:00:00.000Z (setting); the service reads "down".',
      '0 agent(s):',
      'Last run: byHand r1: done, since 1970-01-01T00:00:00.000Z',
    ])
  })
})

describe('keys verify', () => {
  const facts = { kind: 'begun', rolloverId: 'r1', why: 'byHand', reason: 'Grüße', by: 'ada', at: 7 } as const
  const records: EvidenceRecord[] = []
  for (const kind of ['begun', 'adopted', 'disabled'] as const) {
    const before = records.at(-1)
    const { hash } = before ? headOf(before) : beginning
    records.push({ ...facts, kind, sequence: records.length + 1, previous: hash })
  }
  const [first, second, third] = records as [EvidenceRecord, EvidenceRecord, EvidenceRecord]
  const intact = { state: 'intact', problems: [], head: 'x' }
  const verified = (history: object[], head?: string, chain: object = intact) =>
    given('keys', [ok({ keys: [], history, chain })], { args: ['verify'], head })

  it('is satisfied with what is whole, and names the head to note', async () => {
    const head = headText(headOf(third))
    expect(await verified(records)).toMatchObject({ code: 0, printed: expect.stringContaining(head) })
    expect(await verified(records, head)).toMatchObject({ code: 0 })
    expect(await verified(records, headText(headOf(first)))).toMatchObject({ code: 0 })
  })

  it.each<[string, object[], string]>([
    ['edited', [first, { ...second, by: 'eve' }, third], 'record 3 does not continue record 2'],
    ['removed', [first, third], 'record 2 is not there: removed'],
    ['in another order', [second, first, third], 'the order was changed'],
    ['cut off', [first, second], 'the head that you noted names record 3: the end was cut off'],
    ['all gone', [], 'everything was removed'],
  ])('finds records %s, although the service says that all is well', async (_what, history, problem) => {
    expect(await verified(history, headText(headOf(third)))).toMatchObject({ code: 1, printed: expect.stringContaining(problem) })
  })

  it('believes the service when it says that something is wrong', async () => {
    expect(
      await verified(records, undefined, { state: 'broken', problems: ['record 3 does not fit its MAC: it was edited'], head: 'x' }),
    ).toMatchObject({
      code: 1,
      printed: 'BROKEN:\n  record 3 does not fit its MAC: it was edited',
    })
    expect(await verified(records, undefined, { state: 'broken', problems: [] })).toMatchObject({ code: 1 })
  })

  it('takes a head only in its form', async () => {
    await expect(verified(records, '3.abc')).rejects.toThrow(UsageError)
  })
})

describe('the command line', () => {
  const start = async (args: string[], environment: Record<string, string> = {}) => {
    const said: string[] = []
    const io = { print: (text: string) => void said.push(text), tell: (text: string) => void said.push(text) }
    return { code: await run(args, environment, io, virtualClock()), said: said.join('\n') }
  }
  const connected = ['--url', 'http://reset.example.com', '--tenant', 't', '--client-id', 'c', '--api', 'api://x']

  it.each([
    [['--help'], 0],
    [[], 64],
    [['frobnicate'], 64],
    [['constructor'], 64],
    [['status', '--verbose'], 64],
    [['status'], 64],
  ])('%j', async (args, code) => {
    expect((await start(args)).code).toBe(code)
  })

  it('names everything that is missing, and refuses to send a token in clear', async () => {
    const { said } = await start(['status'], { WRITEBACK_URL: 'https://a', WRITEBACK_API: '' })
    expect(
      said
        .split('\n')
        .slice(0, 3)
        .map((line) => line.split(' ')[0]),
    ).toEqual(['--tenant', '--client-id', '--api'])
    expect(await start(['status', ...connected])).toMatchObject({ code: 1, said: expect.stringContaining('https only') })
  })
})
