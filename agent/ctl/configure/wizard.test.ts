/** Whoever presses Enter at every question changes nothing. Answers come from here; what is asked is what a terminal would show. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { Fault } from '../../../shared/fault.ts'
import { Secret } from '../../../shared/secret.ts'
import { virtualClock } from '../../../test/virtual-clock.ts'
import { parseSettings } from '../../settings.ts'
import { type Finding, failed, passed } from '../doctor/checks.ts'
import { type Asker, Cancelled, type Choice } from './ask.ts'
import type { Draft, Kit } from './draft.ts'
import { optionalFeatures } from './page-features.ts'
import { signIn } from './page-sign-in.ts'
import type { Service } from './service.ts'
import { walk } from './wizard.ts'

const folder = mkdtempSync(join(tmpdir(), 'wizard-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string) => {
  writeFileSync(join(folder, name), 'x', { mode: 0o600 })
  return join(folder, name)
}
const [secret, password, ca] = [file('secret'), file('password'), file('ca')]
const guid = '11111111-1111-4111-8111-111111111111'

type Answer = (message: string, initial: string | undefined, choices: readonly string[]) => string

/** `answer` at each question; a refused answer is asked for once more, as on a terminal, and then that is it. */
function asker(answer: Answer): Asker & { asked: string[]; shown: string[] } {
  const asked: string[] = []
  const shown: string[] = []
  return {
    asked,
    shown,
    async text(message, { initial, check }) {
      asked.push(message)
      const typed = answer(message, initial, []).trim()
      const problem = check(typed)
      if (problem !== undefined) throw new Error(`${message}: ${problem}`)
      return typed
    },
    secret: async () => undefined,
    async choose<T extends string>(message: string, choices: readonly Choice<T>[], initial?: T) {
      asked.push(message)
      return answer(
        message,
        initial ?? choices[0]?.value,
        choices.map(({ value }) => value),
      ) as T
    },
    async tick<T extends string>(message: string, _: readonly Choice<T>[], initial: readonly T[]) {
      asked.push(message)
      return answer(message, initial.join(), ['writeback'])
        .split(',')
        .filter((each) => each !== '') as T[]
    },
    note: (title, lines) => void shown.push(title, ...lines),
    step: (text) => void shown.push(text),
    lines: (lines) => void shown.push(...lines),
  }
}

const fine = async (): Promise<Finding[]> => [passed('bind', '', 'fine')]
const kitOf = (ask: Asker, forests: Kit['trials']['forests'] = fine): Kit => ({
  ask,
  trials: { cloud: fine, forests, rules: fine },
  clock: virtualClock(),
  folder,
  colour: false,
})

const draftOf = (settings: Draft['settings'], service?: Service): Draft => {
  return {
    settings,
    forestsThere: [],
    passwords: new Map(),
    writeback: 'asItIs',
    reason: 'why',
    administrator: {},
    register: false,
    service,
  }
}

const forest = fc.record(
  {
    caFile: fc.constant(ca),
    controllers: fc.constantFrom('pdcEmulator', 'anyWritable'),
    addresses: fc.constant({ 'dc1.corp.test': '10.0.0.1:636' }),
  },
  { requiredKeys: [] },
)
const rule = fc.record(
  {
    filter: fc.constant('(a=b)'),
    anchor: fc.constantFrom('mS-DS-ConsistencyGuid', 'employeeID'),
    precedence: fc.integer({ min: 0, max: 10_000 }),
    enabled: fc.boolean(),
  },
  { requiredKeys: [] },
)
const settings = fc
  .record({
    relay: fc.constantFrom(
      { namespace: 'bus' },
      { connectionStringFile: secret, transport: 'tcp' },
      { namespace: 'bus', endpoint: 'sb://a:1' },
    ),
    identity: fc.constantFrom({ secretFile: secret }, { certificateFile: secret, authority: 'https://elsewhere' }),
    forest,
    rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
    rest: fc.record({ concurrency: fc.integer({ min: 1, max: 16 }), journalFile: fc.constant('/j') }, { requiredKeys: [] }),
  })
  .map(({ relay, identity, forest, rules, rest }) => ({
    tenantId: guid,
    vault: { url: 'https://vault' },
    relay,
    identity: { clientId: guid, ...identity },
    forests: [
      {
        name: 'corp',
        domains: [
          { name: 'corp.test', servers: ['ldaps://dc1.corp.test', 'ldaps://dc2.corp.test:6360'] },
          { name: 'sub.corp.test', servers: ['ldaps://dc1.sub.corp.test'] },
        ],
        bindDn: 'svc@corp.test',
        bindPasswordFile: password,
        ...forest,
      },
    ],
    rules: rules.map((each, n) => ({ name: `rule ${n}`, forest: 'corp', baseDn: 'OU=x,DC=corp,DC=test', ...each })),
    ...rest,
  }))

const files = { settings: 'agent.json', exists: true }
/** "Change …" once for every forest and rule, then on. */
function enterEverywhere(): Answer {
  const changed = new Set<string>()
  return (message, initial, choices) => {
    if (message === 'Additional tasks') return 'customize'
    const next = choices.find((choice) => choice.startsWith('change ') && !changed.has(choice))
    if (next !== undefined) changed.add(next)
    return next ?? initial ?? ''
  }
}

describe('through every page', () => {
  test('with Enter alone the settings mean what they meant', async () => {
    await fc.assert(
      fc.asyncProperty(settings, async (before) => {
        const draft = await walk(draftOf(before), kitOf(asker(enterEverywhere())), files)
        expect(parseSettings(draft?.settings)).toEqual(parseSettings(before))
        expect(draft).toMatchObject({ writeback: 'asItIs', passwords: new Map() })
      }),
      { numRuns: 30 },
    )
  })

  test('Ctrl-C at any question: no draft', async () => {
    const [before] = fc.sample(settings, 1)
    const all = asker(enterEverywhere())
    await walk(draftOf(before ?? {}), kitOf(all), files)
    expect(all.asked.length).toBeGreaterThan(20)
    for (let last = 0; last < all.asked.length; last++) {
      let n = 0
      const enter = enterEverywhere()
      const stopped = asker((...question) => {
        if (n++ === last) throw new Cancelled('cancelled')
        return enter(...question)
      })
      await expect(walk(draftOf(before ?? {}), kitOf(stopped), files)).rejects.toThrow(Cancelled)
    }
  })

  test('what does not work can be tried again, changed, or left as it is', async () => {
    const [before] = fc.sample(settings, 1)
    const choices = ['again', 'change', 'anyway']
    let tries = 0
    const broken = async () => {
      tries += 1
      return [failed('bind', '', 'no')]
    }
    const enter = enterEverywhere()
    const ask = asker((message, ...rest) =>
      message.startsWith('Something does not work') ? (choices.shift() ?? '') : enter(message, ...rest),
    )
    expect(await walk(draftOf(before ?? {}), kitOf(ask, broken), files)).toBeDefined()
    expect(tries).toBe(3)
    expect(choices).toEqual([])
  })

  test('what is not complete cannot be configured: the way out is back, or none', async () => {
    const offered: (readonly string[])[] = []
    const enter = enterEverywhere()
    const ask = asker((message, initial, choices) => {
      if (message !== 'Something is missing') return enter(message, initial, choices)
      offered.push(choices)
      return 'exit'
    })
    const [before] = fc.sample(settings, 1)
    expect(await walk(draftOf({ ...before, colour: 'red' }), kitOf(ask), files)).toBeUndefined()
    expect(offered).toEqual([['cloud', 'directories', 'filtering', 'features', 'exit']])
    expect(ask.shown.join('\n')).toContain('NOT YET: settings: Unrecognized key: "colour"')
  })

  test('what cannot even be tried, for a file that is named is gone, loses no answer', async () => {
    const [before] = fc.sample(settings, 1)
    const gone = async () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOENT' }))
    const enter = enterEverywhere()
    const ask = asker((message, ...rest) => (message.startsWith('Something does not work') ? 'anyway' : enter(message, ...rest)))
    expect(parseSettings((await walk(draftOf(before ?? {}), kitOf(ask, gone), files))?.settings)).toEqual(parseSettings(before))
    expect(ask.shown.join('\n')).toContain('ENOENT')
  })

  test('a function app that does not answer loses none, either: password writeback stays as it is', async () => {
    const [before] = fc.sample(settings, 1)
    const away = async () => Promise.reject(new Fault('API_UNAVAILABLE', 'the API did not answer (ECONNRESET)'))
    const draft = { ...draftOf(before ?? {}, { writeback: away, setWriteback: away }), writeback: 'on' } as const
    const ask = asker(() => expect.unreachable())
    expect(await optionalFeatures(draft, kitOf(ask))).toEqual({ ...draft, writeback: 'asItIs' })
    expect(ask.shown.join('\n')).toContain('ECONNRESET')
  })

  test('nobody is said to be signed in where nobody was asked', async () => {
    const [before] = fc.sample(settings, 1)
    const ask = asker((message) => (message === 'What now?' ? 'anyway' : `https://app`))
    const draft = await signIn(draftOf({ ...before, colour: 'red' }), kitOf(ask))
    expect(draft.service).toBeUndefined()
    expect(ask.shown.join('\n')).toMatch(/^Not signed in: /)
  })

  test('the password typed for a forest goes with the forest', async () => {
    const [before] = fc.sample(settings, 1)
    const twice = { ...before, forests: [...(before?.forests ?? []), { ...before?.forests[0], name: 'gone' }] }
    const passwords = new Map([
      ['corp', Secret.fromText('a')],
      ['gone', Secret.fromText('b')],
    ])
    const enter = enterEverywhere()
    let removed = false
    const ask = asker((message, initial, choices) => {
      if (removed || !choices.includes('remove gone')) return enter(message, initial, choices)
      removed = true
      return 'remove gone'
    })
    const draft = await walk({ ...draftOf(twice), passwords }, kitOf(ask), files)
    expect([...(draft?.passwords.keys() ?? [])]).toEqual(['corp'])
  })
})
