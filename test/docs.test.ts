/** docs/{protocol,outcomes,operating,deploy}.md and infra/README.md say what the code does: each table is read and compared, in both directions. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { editOptions } from '../agent/ctl/configure/edits.ts'
import { options as configureOptions } from '../agent/ctl/configure/flags.ts'
import { usage as configureUsage } from '../agent/ctl/configure/usage.ts'
import { checks, personChecks } from '../agent/ctl/doctor/checks.ts'
import { rights } from '../agent/ctl/four-rights.ts'
import { run as grant } from '../agent/ctl/grant.ts'
import { guidText } from '../agent/ctl/identifiers.ts'
import { refusals } from '../agent/directory/refusal.ts'
import { forest, rule } from '../agent/directory-settings.ts'
import { afterDeath, afterProof, nextStep } from '../agent/redelivery.ts'
import { readSettings as readAgentSettings } from '../agent/settings.ts'
import { answers } from '../functions/http/answers.ts'
import { problems } from '../functions/http/problem.ts'
import { places, ways } from '../functions/operations.ts'
import { readSettings as readFunctionsSettings, settingsSchema } from '../functions/settings.ts'
import { exitCodes as adminExitCodes } from '../infra/cli/command.ts'
import { commands, connection } from '../infra/cli/run.ts'
import { flags as infraFlags } from '../infra/tenant/command.ts'
import { everywhere, commands as infraCommands } from '../infra/tenant/run.ts'
import { identities, optionalGraph, queues, vault } from '../infra/topology.ts'
import { faultCodes } from '../shared/fault.ts'
import { createLog, type EventName, events } from '../shared/log.ts'
import { linkConditions, outcomes } from '../shared/outcome.ts'
import { maxOutcomeCode, outcomeFromWire } from '../shared/outcome-code.ts'
import { passwordProblem } from '../shared/password.ts'
import { actors, encodeRequest, flags, operations, type Request } from '../shared/payload.ts'
import { checkTimes, defaultTimes } from '../shared/times.ts'

const root = new URL('..', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const docs = {
  protocol: read('docs/protocol.md'),
  outcomes: read('docs/outcomes.md'),
  operating: read('docs/operating.md'),
  deploy: read('docs/deploy.md'),
  keys: read('docs/keys.md'),
  infra: read('infra/README.md'),
  operations: read('docs/operations.md'),
}

const cells = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('`', ''))
type Line = Record<string, string>

/** The first table under a heading, as records by column. */
function table(doc: keyof typeof docs, heading: string): Line[] {
  const section = docs[doc].split(new RegExp(`^#+ ${heading}$`, 'm'))[1]?.split(/^#/m)[0] ?? ''
  const lines = section.split('\n')
  const start = lines.findIndex((line) => line.startsWith('|'))
  const [head = '', , ...rows] = lines.slice(
    start,
    lines.findIndex((line, i) => i > start && !line.startsWith('|')),
  )
  if (rows.length === 0) throw new Error(`${doc}.md has no table under "${heading}"`)
  return rows.map((row) => Object.fromEntries(cells(head).map((name, i) => [name, cells(row)[i] ?? ''])))
}
const column = (lines: Line[], name: string) => lines.map((line) => line[name] ?? '')
const pick = (lines: Line[], ...names: string[]) => lines.map((line) => names.map((name) => line[name] ?? ''))
const yesNo = (is: boolean) => (is ? 'yes' : 'no')
const sourcesUnder = (folder: string) =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/\.(test|fixture)\.ts$|test-/.test(path))
    .map((path) => `${folder}${path}`)

describe('protocol.md', () => {
  test('queues', () => {
    const ms = (text = '') => (text === 'off' ? 0 : Number.parseInt(text, 10) * (text.endsWith('min') ? 60_000 : 1_000))
    const documented = table('protocol', 'Two parties, three queues').map((line) => [
      line['queue'],
      {
        lockMs: ms(line['lock']),
        ttlMs: ms(line['longest life']),
        maxDeliveryCount: Number(line['deliveries']),
        requiresSession: line['sessions'] === 'yes',
        duplicateDetectionMs: ms(line['duplicate detection']),
        deadLetterOnExpiry: false,
      },
    ])
    expect(Object.fromEntries(documented)).toEqual(queues)
  })

  /** `name: [key, type]` as shared/payload.ts and shared/event.ts declare it. */
  const declared = (file: string, name: string) => {
    const block = read(file).split(`const ${name} = {`)[1]?.split('} as const')[0] ?? ''
    return [...block.matchAll(/(\w+): \[(\d+), (optional\()?/g)].map(([, field, key, optional]) => [key, field, optional === undefined])
  }
  test.each([
    ['Request', 'shared/payload.ts', 'requestShape'],
    ['Reply', 'shared/payload.ts', 'replyShape'],
    ['Every event', 'shared/event.ts', 'speaker'],
    ['Heartbeat', 'shared/event.ts', 'heartbeatShape'],
    ['Settled', 'shared/event.ts', 'settledShape'],
  ])('fields of %s', (heading, file, shape) => {
    const documented = table('protocol', heading).map((line) => [line['key'], line['field'], line['present'] === 'always'])
    const own = shape === 'speaker' ? [['1', 'kind', true]] : []
    const inherited = shape === 'heartbeatShape' || shape === 'settledShape' ? 1 : 0
    expect(documented).toEqual([...own, ...declared(file, shape).slice(inherited)])
  })

  test('what an operation carries', () => {
    const lines = table('protocol', 'Operations')
    expect(column(lines, 'operation')).toEqual(operations)
    const dependent = Object.keys(lines[0] ?? {}).filter((name) => !['index', 'operation', 'this agent'].includes(name))
    const sample = { cloudAnchor: 16, passwordKey: 16, newPassword: 256, oldPassword: 256, probe: 256, about: 16 } as Record<string, number>
    const texts: Record<string, unknown> = { sourceAnchor: 'AAAA', aboutAgeMs: 1 }
    const value = (name: string) => [name, texts[name] ?? Buffer.alloc(sample[name] ?? 0)]
    for (const line of lines) {
      const right = dependent.filter((name) => line[name] === '●')
      const request = (names: string[]) =>
        ({
          operation: line['operation'],
          actor: 'self',
          issuedAt: 1,
          startWithinMs: 1,
          flags: 0,
          ...Object.fromEntries(names.map(value)),
        }) as unknown as Request
      encodeRequest(request(right))
      for (const name of dependent) {
        const wrong = right.includes(name) ? right.filter((one) => one !== name) : [...right, name]
        expect(() => encodeRequest(request(wrong)), `${line['operation']} ± ${name}`).toThrow(TypeError)
      }
    }
  })

  test('flags, actors and link conditions', () => {
    const lines = docs.protocol.split('| flag | value |')[1]?.split('\n\n')[0] ?? ''
    expect([...lines.matchAll(/^\| `(\w+)` \| (\d)/gm)].map(([, name, bit]) => [name, Number(bit)])).toEqual(Object.entries(flags))
    expect(docs.protocol).toContain(actors.map((name, i) => `${i} \`${name}\``).join(', '))
    expect(docs.protocol).toContain(linkConditions.map((name, i) => `${i} \`${name}\``).join(', '))
  })

  test('password problems, in their order', () => {
    const bad = ['', 'a\0', '\ud800', 'a'.repeat(128), '€'.repeat(60)]
    expect(column(table('protocol', 'Passwords'), 'problem')).toEqual(bad.map(passwordProblem))
  })

  test('outcome codes', () => {
    const ofCode = (code: number) => {
      try {
        return [String(code), outcomeFromWire(code, undefined).kind, false]
      } catch {
        return [String(code), outcomeFromWire(code, 0).kind, true]
      }
    }
    const documented = table('protocol', 'Outcome codes').map((line) => [line['code'], line['outcome'], line['detail'] !== ''])
    expect(documented).toEqual(Array.from({ length: maxOutcomeCode + 1 }, (_, code) => ofCode(code)))
  })

  test('times and invariants', () => {
    const documented = pick(table('protocol', 'Times'), 'name', 'default').map(([name, ms = '']) => [name, Number(ms.replace(',', ''))])
    expect(Object.fromEntries(documented)).toEqual(defaultTimes)
    const allBroken = () => checkTimes({ answerMs: 1, ttlMs: 1, startWithinMs: 1, ldapMs: 1, lockMs: 1 })
    expect(allBroken).toThrow(`these must hold: ${column(table('protocol', 'Invariants'), 'rule').join('; ')}`)
  })

  /** The one row that fits a situation; `–` fits everything. */
  const only = (lines: Line[], situation: Line) => {
    const fits = (line: Line, name: string) => line[name] === '–' || line[name] === situation[name]
    const fitting = lines.filter((line) => Object.keys(situation).every((name) => fits(line, name)))
    expect(fitting, JSON.stringify(situation)).toHaveLength(1)
    return fitting[0]
  }

  const both = [true, false]

  test('redelivery', () => {
    for (const change of ['changed', 'unchanged', 'hidden'] as const)
      for (const mayBegin of both)
        for (const begun of both)
          for (const othersHadIt of both) {
            const said = {
              finding: change,
              'may begin (age ≤ startWithinMs)': yesNo(mayBegin),
              'begun here': yesNo(begun),
              'others had it': yesNo(othersHadIt),
            }
            expect(only(table('protocol', 'Next step'), said)?.['step']).toBe(
              nextStep({ change, mayBegin, neverBegunHere: !begun, othersHadIt }),
            )
          }
    for (const proof of ['right', 'wrong', 'unsure'] as const)
      for (const change of ['changed', 'hidden'] as const) {
        for (const mayBegin of both)
          for (const begun of both)
            for (const othersHadIt of both) {
              const situation = { 'may begin': yesNo(mayBegin), 'begun here': yesNo(begun), 'others had it': yesNo(othersHadIt) }
              const verdict = afterProof(proof, { change, mayBegin, neverBegunHere: !begun, othersHadIt })
              expect(only(table('protocol', 'After the bind'), { proof, finding: change, ...situation })?.['verdict']).toBe(verdict)
            }
        const told = only(table('protocol', 'After the message is dead'), { proof, finding: change })?.['told as'] ?? ''
        expect(told.replace(/^nothing yet.*/, 'unsure')).toBe(afterDeath(proof, change))
      }
  })

  test('what a refused bind proves', () => {
    const proofs = read('agent/directory/proof.ts').matchAll(/^ {2}'?(\w+)'?: '(right|wrong)'/gm)
    const documented = docs.protocol.split('| bind | proof |')[1]?.split('| everything else')[0] ?? ''
    const [right = '', wrong = ''] = documented.split('\n').slice(2)
    const codes = (line: string) => [...line.matchAll(/`(\w+)`/g)].map(([, code]) => code)
    const inCode = Map.groupBy(
      [...proofs].map(([, code, proof]) => ({ code, proof })),
      ({ proof }) => proof,
    )
    expect(codes(right)).toEqual(inCode.get('right')?.map(({ code }) => code))
    expect(codes(wrong)).toEqual(inCode.get('wrong')?.map(({ code }) => code))
  })

  test('sizes', () => {
    const { valid } = JSON.parse(read('test/vectors/envelope.json')) as { valid: { name: string; envelope: string }[] }
    for (const { vector, bytes, limit } of table('protocol', 'Sizes')) {
      const hex = valid.find(({ name }) => name === vector)?.envelope ?? ''
      expect((hex.length - "h''".length) / 2, vector).toBe(Number(bytes))
      expect(Number(bytes)).toBeLessThanOrEqual(Number(limit) || 1024)
    }
  })
})

describe('outcomes.md', () => {
  const product = ['agent/', 'functions/', 'shared/'].flatMap(sourcesUnder)
  const texts = (folders: RegExp) =>
    product
      .filter((path) => folders.test(path))
      .map(read)
      .join('\n')

  test('outcomes, as declared and as answered', () => {
    const documented = pick(table('outcomes', 'Outcomes'), 'outcome', 'HTTP', 'effect', 'retryable', 'event')
    const inCode = Object.entries(outcomes).map(([kind, { effect, retryable, event }]) => {
      return [kind, String(answers[kind as keyof typeof answers].status), effect, yesNo(retryable), String(event)]
    })
    expect(documented).toEqual(inCode)
    const told = pick(table('outcomes', 'What the person is told, and what the administrator does'), 'outcome', 'the person is told')
    expect(told).toEqual(Object.entries(answers).map(([kind, { title }]) => [kind, title]))
  })

  test('what nobody decides yet', () => {
    const deciding = texts(/^agent|^functions\/(?!http\/answers)/).replaceAll(/^type .*$/gm, '')
    const nobody = Object.keys(outcomes).filter((kind) => !new RegExp(`(?<!=== )'${kind}'`).test(deciding))
    expect(table('outcomes', 'Outcomes').flatMap((line) => (line['decided by'] === 'nobody yet' ? line['outcome'] : []))).toEqual(nobody)
  })

  test('problems', () => {
    const inCode = Object.entries(problems).map(([code, { status }]) => [code, String(status)])
    expect(pick(table('outcomes', 'Problems'), 'code', 'HTTP').sort()).toEqual(inCode.sort())
  })

  test('refusals of the directory', () => {
    const inCode = refusals.map(({ ldapCode, hex = 'any', cause }) => [String(ldapCode), hex || 'none', cause])
    expect(pick(table('outcomes', 'Refusals of the directory'), 'LDAP code', 'digits', 'outcome')).toEqual(inCode)
  })

  test('events and who writes them', () => {
    const writes = (folders: RegExp, event: string) => new RegExp(`'${event}'`).test(texts(folders))
    const writers = (event: string) => {
      const agent = writes(/^agent|^shared\/(relay|vault-trouble)/, event)
      const functions = writes(/^functions|^shared\/(relay|vault-trouble)/, event)
      return agent && functions ? 'both' : agent ? 'agent' : functions ? 'functions' : 'nothing yet'
    }
    const inCode = Object.entries(events).map(([event, { id, level }]) => [event, String(id), level, writers(event)])
    expect(pick(table('outcomes', 'Events'), 'event', 'id', 'level', 'written by')).toEqual(inCode)
  })

  test('fields exist and take something', () => {
    const written: string[] = []
    const log = createLog('agent', (line) => written.push(line))
    const accepted = (event: EventName, field: string) =>
      [1, 'word', '0000052D', '1.2.3'].some((value) => {
        log(event, { [field]: value })
        return JSON.parse(written.at(-1) ?? '')[field] === value
      })
    for (const [, event = '', fields = ''] of docs.outcomes.matchAll(/^\| `(\w+)` \| 3\d{4} \| .* \| (.*) \|$/gm))
      for (const [, field = ''] of fields.matchAll(/`(\w+)`/g)) expect(accepted(event as EventName, field), `${event}.${field}`).toBe(true)
  })

  test('faults', () => {
    const lines = table('outcomes', 'Faults')
    expect(column(lines, 'fault')).toEqual(faultCodes)
    const unused = faultCodes.filter((code) => !new RegExp(`new Fault\\((.* \\? )?'${code}'|: '${code}'`).test(texts(/./)))
    expect(lines.flatMap(({ fault = '', meaning }) => (meaning === 'used by nothing yet' ? fault : []))).toEqual(unused)
  })
})

describe('operating.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'docs-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const shown = (value: unknown) => (value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value))

  test('exit codes, here and in outcomes.md', () => {
    const codes = /const exitCodes = \{ (.*) \} as const/.exec(read('agent/main.ts'))?.[1]?.split(', ') ?? []
    const inCode = codes.map((each) => each.split(': ').reverse())
    expect(pick(table('operating', 'Exit codes'), 'code', 'name')).toEqual(inCode)
    expect(pick(table('outcomes', 'Exit codes of the agent'), 'code', 'name')).toEqual(inCode)
  })

  test.each([
    ['Checks', checks],
    ['Checks of one person', personChecks],
  ])('agentctl doctor: %s', (heading, inCode) => {
    const plain = (text: string) => text.replaceAll(/["`]/g, '')
    const documented = pick(table('operating', heading), 'check', 'proves', 'when it fails')
    expect(documented).toEqual(Object.entries(inCode).map(([id, { proves, todo }]) => [id, plain(proves), plain(todo)]))
  })

  test('npm run admin: commands, where the API is, exit codes', () => {
    const inCode = Object.values(commands).map(({ usage, summary }) => [usage, summary])
    expect(pick(table('operating', 'Commands'), 'command', 'what it does')).toEqual(inCode)
    const flags = Object.entries(connection).map(([flag, { variable, meaning }]) => [`--${flag}`, variable, meaning])
    expect(pick(table('operating', 'Where the API is'), 'flag', 'variable', 'meaning')).toEqual(flags)
    const codes = Object.entries(adminExitCodes).map(([name, code]) => [String(code), name])
    expect(pick(table('operating', 'Exit codes of npm run admin'), 'code', 'name')).toEqual(codes)
  })

  test('options of agentctl configure, here and in its help', () => {
    const flags = [...Object.keys(configureOptions), ...Object.keys(editOptions)].map((flag) => `--${flag}`).sort()
    expect(column(table('operating', 'Options of configure'), 'option').sort()).toEqual(flags)
    expect([...new Set(configureUsage.match(/(?<=^ +)--[a-z-]+/gm))].sort()).toEqual(flags)
  })

  /** Leaves of the schema, by the text of agent/settings.ts; the next test asks the program about each. */
  function agentKeys(): string[] {
    const lines = (read('agent/settings.ts').split('const schema = z.strictObject({')[1]?.split('\n})')[0] ?? '')
      .replace(/^( +)(\w+: z\.strictObject\(\{) /gm, '$1$2\n$1  ')
      .split('\n')
    const named = lines.flatMap((line) => /^( +)(\w+): (?!')/.exec(line)?.slice(1, 3).join('|') ?? [])
    const path: { depth: number; name: string }[] = []
    const all = named.map((each) => {
      const [indent = '', name = ''] = each.split('|')
      while ((path.at(-1)?.depth ?? -1) >= indent.length) path.pop()
      path.push({ depth: indent.length, name })
      return path.map((part) => part.name).join('.')
    })
    return all.filter((key) => !all.some((other) => other.startsWith(`${key}.`)))
  }

  test.each([
    ['A forest', forest],
    ['A rule', rule],
  ] as const)('settings of the agent: %s, with its defaults', (heading, schema) => {
    const documented = pick(table('operating', heading), 'key', 'default')
    const smallest = { name: 'a', domains: [{ name: 'a', servers: ['ldaps://a'] }], bindDn: 'CN=a', bindPasswordFile: 'a' }
    const given: Record<string, unknown> = heading === 'A forest' ? smallest : { name: 'a', forest: 'a', baseDn: 'DC=a' }
    const parsed: Record<string, unknown> = schema.parse(given)
    expect(documented).toEqual(
      Object.keys(schema.shape).map((key) => [key, key in given ? 'required' : key in parsed ? shown(parsed[key]) : 'none']),
    )
  })

  test('settings of the agent, with their defaults and variables', () => {
    const documented = pick(table('operating', 'Settings'), 'key', 'default')
    expect(documented.map(([key]) => key)).toEqual(agentKeys())
    const secret = write('secret', 'x')
    const tenantId = '11111111-1111-4111-8111-111111111111'
    const given = {
      tenantId,
      relay: { namespace: 'a' },
      vault: { url: 'https://a' },
      identity: { clientId: tenantId, secretFile: secret },
      forests: [{ name: 'a', domains: [{ name: 'a', servers: ['ldaps://a'] }], bindDn: 'CN=a', bindPasswordFile: secret }],
      rules: [{ name: 'a', forest: 'a', baseDn: 'DC=a' }],
    }
    const at = (value: unknown, key: string) => key.split('.').reduce<unknown>((inner, name) => (inner as Line)[name], value)
    const settings = readAgentSettings(write('agent.json', JSON.stringify(given)), {})
    const needed = documented.filter(([, standard]) => standard === 'required').map(([key = '']) => key)
    for (const key of needed) {
      const without = JSON.parse(JSON.stringify(given))
      const [parent, last = ''] = key.includes('.') ? [at(without, key.split('.')[0] ?? ''), key.split('.')[1]] : [without, key]
      delete (parent as Line)[last]
      expect(() => readAgentSettings(write('less.json', JSON.stringify(without)), {}), key).toThrow('SETTINGS_INVALID')
    }
    // Each is one half of an "exactly one of": without a default, and given above.
    const chosen = ['relay.namespace', 'identity.secretFile']
    const others = documented.filter(([key = '']) => !needed.includes(key) && !chosen.includes(key))
    expect(others).toEqual(others.map(([key = '']) => [key, shown(at(settings, key))]))

    const variable = (key: string) =>
      `AGENT_${key
        .replaceAll('.', '_')
        .replace(/[A-Z]/g, (letter) => `_${letter}`)
        .toUpperCase()}`
    const single = documented.map(([key = '']) => key).filter((key) => key !== 'forests' && key !== 'rules')
    const refused = () => readAgentSettings(write('agent.json', '{}'), Object.fromEntries(single.map((key) => [variable(key), ''])))
    expect(refused).toThrow('SETTINGS_INVALID')
    expect(refused).not.toThrow('no such setting')
  })

  test('settings of the function app, with their defaults', () => {
    const documented = pick(table('operating', 'The function app'), 'key', 'default')
    expect(documented.map(([key]) => key).sort()).toEqual(Object.keys(settingsSchema.shape).sort())
    const guid = '11111111-1111-4111-8111-111111111111'
    const web = { KEY_VAULT_URL: 'https://a', PUBLIC_ORIGINS: 'https://a', MAIL_URL: 'smtps://a', MAIL_FROM: 'a@b' }
    const required = { TENANT_ID: guid, AZURE_CLIENT_ID: guid, ...web }
    const given = { ...required, ServiceBus: 'a', DataStorage: 'a' }
    expect(
      documented
        .filter(([, standard]) => standard === 'required')
        .map(([key]) => key)
        .sort(),
    ).toEqual(Object.keys(required).sort())
    for (const key of Object.keys(required)) expect(() => readFunctionsSettings({ ...given, [key]: '' }), key).toThrow('SETTINGS_INVALID')
    const settings = readFunctionsSettings(given) as Record<string, unknown>
    const others = documented.filter(([key = '']) => !(key in given))
    expect(others).toEqual(others.map(([key = '']) => [key, shown(settings[key])]))
  })
})

describe('operations.md', () => {
  test('sign-in types', () => {
    expect(column(table('operations', 'Sign-in types'), 'type')).toEqual(Object.keys(places))
  })

  test('where an operation takes place', () => {
    for (const { operation = '', ...where } of table('operations', 'Where an operation takes place'))
      expect(where, operation).toEqual(Object.fromEntries(Object.entries(places).map(([type, of]) => [type, Object(of)[operation]])))
    expect(column(table('operations', 'Where an operation takes place'), 'operation')).toEqual(Object.keys(places.cloudOnly))
  })

  test('who may do what', () => {
    const inCode = ways.map(({ who, what, wire, gates, mustChange }) => [who, what, wire, gates, yesNo(mustChange)])
    expect(pick(table('operations', 'Who may do what'), 'who', 'what', 'as', 'gates', 'must change')).toEqual(inCode)
  })
})

describe('deploy.md', () => {
  test('the commands of npm run infra', () => {
    const inCode = Object.values(infraCommands).map(({ usage, summary }) => [usage, summary])
    expect(pick(table('deploy', 'Commands'), 'command', 'what it does')).toEqual(inCode)
  })

  test('every npm run infra in the documentation is one that exists', () => {
    const texts = [docs.deploy, docs.keys, docs.operating, docs.infra]
    const calls = texts.flatMap((text) =>
      [...text.matchAll(/npm run infra -- ([a-z-]+)([^`\n]*)/g)].filter(([, name]) => name !== 'compile'),
    )
    expect(calls.length).toBeGreaterThan(8)
    for (const [line, name = '', rest = ''] of calls) {
      const known: readonly string[] = [...everywhere, ...(infraCommands[name]?.flags ?? [])]
      expect(infraCommands, line).toHaveProperty(name)
      expect(
        [...rest.matchAll(/--([a-z-]+)/g)].map(([, flag]) => flag).filter((flag = '') => !known.includes(flag)),
        line,
      ).toEqual([])
    }
  })

  test('every flag of npm run infra is somewhere in its help', () => {
    const shown = new Set<string>([...everywhere, ...Object.values(infraCommands).flatMap(({ flags }) => flags)])
    expect(Object.keys(infraFlags).filter((flag) => !shown.has(flag))).toEqual([])
  })

  test('permissions at Graph', () => {
    const documented = column(table('deploy', 'What the functions may ask of Graph'), 'permission')
    expect(documented).toEqual([...identities.functions.graph, ...optionalGraph])
  })

  async function shown(...args: string[]) {
    const lines: string[] = []
    await grant(args, { print: (text) => void lines.push(text), complain: (text) => void lines.push(text), colour: false })
    return lines.join('\n')
  }

  test('the four permissions, here and in operating.md', () => {
    const inCode = Object.values(rights).map(({ title, identifier }) => [title, guidText(identifier)])
    expect(pick(table('deploy', 'The four permissions'), 'permission', 'identifier')).toEqual(inCode)
    expect(column(table('operating', 'Rights in the directory'), 'identifier')).toEqual(inCode.map(([, identifier]) => identifier))
  })

  test('the commands are those that agentctl shows', async () => {
    const people = ['--on', 'OU=People,DC=corp,DC=example,DC=com', '--fine-grained-policies']
    const commands = (text: string) => [...text.matchAll(/^ *(dsacls ".*)$/gm)].map(([, command]) => command)
    expect(commands(docs.deploy)).toEqual(commands(await shown('--account', 'CORP\\svc-writeback', ...people)))
    expect(commands(docs.deploy)).toHaveLength(5)
  })

  test('every option exists', async () => {
    const help = await shown('--help')
    const [, section = ''] = docs.deploy.split(/^## (?:Permissions in Active Directory|Administrators in Entra ID)$/m)
    const options = [...section.matchAll(/(?<=[\s`])--[a-z-]{2,}/g)].map(([option]) => option)
    expect(options.length).toBeGreaterThan(10)
    expect(options.filter((option) => !help.includes(`${option} `) && !help.includes(`${option}\n`))).toEqual([])
  })
})

describe('keys.md', () => {
  const keys = read('docs/keys.md')

  test('every key of the vault and every setting that holds or names a secret', () => {
    const ofAgent = [...read('agent/settings.ts').matchAll(/^ {2}\['(?:relay|identity)\.(\w+)', /gm)].map(([, name = '']) => name)
    expect(ofAgent.length).toBeGreaterThan(4)
    const ofFunctions = Object.keys(settingsSchema.shape).filter((name) => /^(ServiceBus|DataStorage|MAIL_URL|LOCAL_CA_FILE)$/.test(name))
    const all = [...Object.values(vault.keys), ...Object.values(vault.secrets), ...ofAgent, 'bindPasswordFile', ...ofFunctions]
    expect(all.filter((name) => !keys.includes(name))).toEqual([])
  })

  test('who holds it and how it is replaced, line by line', () => {
    const section = keys.split('## Every key and credential')[1]?.split('\n## ')[0] ?? ''
    const lines = section.split('\n').filter((line) => /^\| (?!what|---)/.test(line))
    expect(lines.length).toBeGreaterThan(25)
    const isWhole = (line: string) =>
      cells(line)
        .slice(0, 2)
        .every((cell) => cell.length > 3)
    expect(lines.filter((line) => !isWhole(line))).toEqual([])
  })
})

test.each(Object.entries({ ...docs, keys: read('docs/keys.md') }))('what %s.md points at exists', (_name, text) => {
  const paths = [...text.matchAll(/`((?:functions|agent|shared|infra|local|test|docs)\/[\w./-]+)`/g)].map(([, path = '']) => path)
  const links = [...text.matchAll(/\]\(([\w./-]+)\)/g)].map(([, path = '']) => `docs/${path}`)
  expect([...paths, ...links].filter((path) => !existsSync(new URL(path, root)))).toEqual([])
})

test.each(Object.entries({ ...docs, keys: read('docs/keys.md') }))('events in %s.md have the ids of the code', (_name, text) => {
  const named = [...text.matchAll(/`(\w+)` \((3\d{4})\)/g)].map(([, name = '', id]) => [name, id])
  const numbered = [...text.matchAll(/\b(3\d{4}) \(`(\w+)`\)/g)].map(([, id, name = '']) => [name, id])
  const bare = [...text.matchAll(/[Ee]vent (3\d{4})\b/g)].map(([, id]) => id)
  const ids: Readonly<Record<string, string>> = Object.fromEntries(Object.entries(events).map(([name, { id }]) => [name, String(id)]))
  expect([...named, ...numbered].filter(([name = '', id]) => ids[name] !== id)).toEqual([])
  expect(bare.filter((id) => !Object.values(ids).includes(id ?? ''))).toEqual([])
})

test('every test that docs/reliability.md names is there', () => {
  const named = [...read('docs/reliability.md').matchAll(/`([\w/-]+\.test\.ts)`/g)].map(([, path = '']) => path)
  expect(named.length).toBeGreaterThan(8)
  expect(named.filter((path) => !existsSync(new URL(path, root)))).toEqual([])
})
