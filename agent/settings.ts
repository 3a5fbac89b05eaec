/**
 * What the agent is told: one JSON file, single values overridden by the environment, parsed once; every problem at once.
 *
 * `AGENT_RELAY_TRANSPORT=tcp` overrides `relay.transport`, and so on for every leaf outside `forests` and
 * `rules`, which are lists. Unknown keys, on either side, are
 * problems. Secrets stand in files of their own, which nobody but the agent's account may read.
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import * as z from 'zod'
import { Fault } from '../shared/fault.ts'
import { Secret } from '../shared/secret.ts'
import { brokenTimes, defaultTimes } from '../shared/times.ts'
import { isSystemdCredential } from './credential/passphrase.ts'
import { brokenScope, forestList, ruleList } from './directory-settings.ts'

const count = z.coerce.number().int().positive()
const ms = count
const file = z.string().min(1)
const guid = z.guid()
const https = z.string().regex(/^https:\/\//, 'must be an https:// address')

export const defaultJournalFile = '/var/lib/password-writeback/journal.sqlite'
const defaultCeilings = { perMinute: 300, perPersonPerHour: 10, stopFile: '/etc/password-writeback/STOP' }

const schema = z.strictObject({
  tenantId: guid,
  relay: z
    .strictObject({
      /** The namespace's host name, to sign in with the agent's own identity … */
      namespace: z.string().min(1).optional(),
      /** … or a file with a connection string of this agent's SAS rule. */
      connectionStringFile: file.optional(),
      transport: z.enum(['websockets', 'tcp']).default('websockets'),
      /** Where the namespace is reached, if not under its own name (a private endpoint): sb://host:port. */
      endpoint: z
        .string()
        .regex(/^sb:\/\/[^/]+$/, 'must be sb://host:port')
        .optional(),
      /** A file with http://user:password@host:port of the proxy to go through; WebSockets only. */
      proxyUrlFile: file.optional(),
    })
    .refine((relay) => (relay.namespace === undefined) !== (relay.connectionStringFile === undefined), {
      message: 'exactly one of namespace and connectionStringFile',
    })
    .refine((relay) => relay.proxyUrlFile === undefined || relay.transport === 'websockets', {
      message: 'proxyUrlFile needs transport websockets: AMQP itself knows no proxies',
    }),
  vault: z.strictObject({ url: https }),
  identity: z
    .strictObject({
      clientId: guid,
      /** PEM with certificate and private key, registered with this agent's application … */
      certificateFile: file.optional(),
      /** The passphrase of that key, if it has one: a file, or by a plain name one of the service's systemd credentials. */
      passphraseFile: file.optional(),
      /** … or a file with a client secret. */
      secretFile: file.optional(),
      authority: https.default('https://login.microsoftonline.com'),
      /** Microsoft Graph, where the agent renews its certificate. */
      graphUrl: https.default('https://graph.microsoft.com'),
    })
    .refine((identity) => (identity.certificateFile === undefined) !== (identity.secretFile === undefined), {
      message: 'exactly one of certificateFile and secretFile',
    }),
  forests: forestList,
  /** Who is in scope: lookup/rules.ts. */
  rules: ruleList,
  /** A certificate authority to trust beyond the system's, for a vault and a broker that are not Azure's own. */
  localCaFile: file.optional(),
  journalFile: file.default(defaultJournalFile),
  linksFile: file.default('/var/lib/password-writeback/links.sqlite'),
  /** What this agent does at most: ceilings.ts. */
  ceilings: z
    .strictObject({
      perMinute: count.default(defaultCeilings.perMinute),
      perPersonPerHour: count.default(defaultCeilings.perPersonPerHour),
      /** As long as this file exists, nothing is written. */
      stopFile: file.default(defaultCeilings.stopFile),
    })
    .default(defaultCeilings),
  /** Requests worked on at the same time in one domain: lanes.ts. */
  concurrency: z.coerce.number().int().min(1).max(16).default(4),
  times: z
    .strictObject({
      answerMs: ms.default(defaultTimes.answerMs),
      ttlMs: ms.default(defaultTimes.ttlMs),
      startWithinMs: ms.default(defaultTimes.startWithinMs),
      ldapMs: ms.default(defaultTimes.ldapMs),
      lockMs: ms.default(defaultTimes.lockMs),
    })
    .default(defaultTimes),
})

export type AgentSettings = z.infer<typeof schema>
type Environment = Record<string, string | undefined>

export const environmentPrefix = 'AGENT_'
/** Names the file; the only variable with the prefix that is not a setting. */
export const fileVariable = 'AGENT_SETTINGS'

/** Frozen settings, or one Fault SETTINGS_INVALID that lists every problem. Values are never part of a message. */
export function readSettings(path: string, environment: Environment): AgentSettings {
  const problems: string[] = []
  const merged = override(readJson(path, problems), environment, problems)
  const { settings, problems: own } = parseSettings(merged)
  if (settings) problems.push(...secretFiles(settings).flatMap(privateFileProblem), ...authorityFiles(settings).flatMap(readableProblem))
  problems.push(...own)
  // ldapts' debug output contains unicodePwd.
  if (/ldapts|\*/i.test(environment['NODE_DEBUG'] ?? '')) problems.push('NODE_DEBUG: would print passwords; remove it')
  if (problems.length > 0 || !settings) throw invalid(problems)
  return Object.freeze(settings)
}

/** All that can be said without looking at a file that they name. `settings`: where the schema is kept to. */
export function parseSettings(given: unknown): { settings?: AgentSettings; problems: string[] } {
  const parsed = schema.safeParse(given)
  if (!parsed.success) return { problems: parsed.error.issues.map((issue) => `${issue.path.join('.') || 'settings'}: ${issue.message}`) }
  return { settings: parsed.data, problems: [...brokenTimes(parsed.data.times).map(mustHold), ...brokenScope(parsed.data)] }
}

/** All but the directory. */
export type CloudSettings = Omit<AgentSettings, 'forests' | 'rules'>

/** Undefined: not yet to be used. */
export const parseCloud = ({ forests: _, rules: __, ...given }: Readonly<Record<string, unknown>>): CloudSettings | undefined =>
  schema.omit({ forests: true, rules: true }).safeParse(given).data

/** One single setting, as the file would hold it: `relay.transport`. Undefined: there is none of this name. */
export function parseSetting(key: string, text: string): { value: unknown } | { problem: string } | undefined {
  const type = leaves().get(key)
  if (type === undefined) return undefined
  const parsed = z.safeParse(type, text)
  return parsed.success ? { value: parsed.data } : { problem: parsed.error.issues[0]?.message ?? 'not possible' }
}

const mustHold = (rule: string) => `times: ${rule} must hold`

export const readSecretFile = (path: string): Secret => Secret.fromText(readFileSync(path, 'utf8').replace(/\r?\n$/, ''))

export const invalid = (problems: readonly string[]) =>
  new Fault('SETTINGS_INVALID', `${problems.length} problem(s):\n  ${problems.join('\n  ')}`, { permanent: true })

function readJson(path: string, problems: string[]): object {
  try {
    const settings: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) return settings
    problems.push('the settings file holds no JSON object')
    return {}
  } catch (error) {
    problems.push(error instanceof SyntaxError ? `the settings file is not valid JSON` : `the settings file cannot be read`)
    return {}
  }
}

/** AGENT_JOURNAL_FILE → journalFile: matched against the schema's own names, so a misspelling is a problem. */
function override(settings: object, environment: Environment, problems: string[]): unknown {
  const merged = structuredClone(settings) as Record<string, unknown>
  const paths = new Map([...leaves().keys()].map((key) => key.split('.')).map((path) => [variableName(path), path]))
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(environmentPrefix) || name === fileVariable || value === undefined) continue
    const path = paths.get(name)
    if (path === undefined) problems.push(`${name}: no such setting`)
    else setAt(merged, path, value)
  }
  return merged
}

const variableName = (path: readonly string[]) =>
  environmentPrefix + path.map((part) => part.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()).join('_')

/** The single settings by their names, with what they may be; lists have none. */
export function leaves(type: z.core.$ZodType = schema, path: readonly string[] = []): ReadonlyMap<string, z.core.$ZodType> {
  const inner = type instanceof z.ZodDefault ? type.unwrap() : type
  if (inner instanceof z.ZodArray) return new Map()
  if (!(inner instanceof z.ZodObject)) return new Map([[path.join('.'), type]])
  const shape: Record<string, z.core.$ZodType> = inner.shape
  return new Map(Object.entries(shape).flatMap(([name, child]) => [...leaves(child, [...path, name])]))
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: string): void {
  const [name = '', ...rest] = path
  if (rest.length === 0) {
    target[name] = value
    return
  }
  const child = target[name]
  const next = typeof child === 'object' && child !== null ? (child as Record<string, unknown>) : {}
  target[name] = next
  setAt(next, rest, value)
}

/** On Windows modes mean nothing. Throws when the file cannot be read. */
export const isOpenToOthers = (path: string): boolean => (statSync(path).mode & 0o077) !== 0 && process.platform !== 'win32'

type Named = readonly [setting: string, path: string | undefined]

const secretFiles = ({ relay, identity, forests }: AgentSettings): Named[] => [
  ['relay.connectionStringFile', relay.connectionStringFile],
  ['relay.proxyUrlFile', relay.proxyUrlFile],
  ['identity.certificateFile', identity.certificateFile],
  ['identity.passphraseFile', passphraseFileOf(identity)],
  ['identity.secretFile', identity.secretFile],
  ...forests.map(({ bindPasswordFile }, at): Named => [`forests.${at}.bindPasswordFile`, bindPasswordFile]),
]

/** What systemd hands out it has made private itself; its mode shows an ACL as rights of the group. */
const passphraseFileOf = ({ passphraseFile }: AgentSettings['identity']) =>
  passphraseFile === undefined || isSystemdCredential(passphraseFile) ? undefined : passphraseFile

const authorityFiles = ({ forests, localCaFile }: AgentSettings): Named[] => [
  ...forests.map(({ caFile }, at): Named => [`forests.${at}.caFile`, caFile]),
  ['localCaFile', localCaFile],
]

const readableProblem = (named: Named) => namedProblem(named, 'readable')
const privateFileProblem = (named: Named) => namedProblem(named, 'private')

function namedProblem([setting, path]: Named, must: 'readable' | 'private'): string[] {
  const problem = path === undefined ? undefined : fileProblem(path, must)
  return problem === undefined ? [] : [`${setting}: ${problem}`]
}

/** What is wrong with a file that settings name. */
export function fileProblem(path: string, must: 'readable' | 'private'): string | undefined {
  try {
    if (must === 'private' && isOpenToOthers(path)) return "the file must be readable by the agent's account alone (chmod 600)"
  } catch {
    return 'the file cannot be read'
  }
  return existsSync(path) ? undefined : 'the file cannot be read'
}
