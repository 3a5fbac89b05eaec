/**
 * What is asked, as data: the setting it is about, the option that answers it on a command line, the question. What may be
 * answered is what agent/settings.ts and agent/directory-settings.ts accept; nothing of it is said again here.
 */
import * as z from 'zod'
import { isSystemdCredential } from '../../credential/passphrase.ts'
import { forest, rule } from '../../directory-settings.ts'
import { fileProblem, parseSetting } from '../../settings.ts'

export interface Question {
  /** Of a single setting its name; of a forest or rule the field. */
  key: string
  flag: string
  ask: string
}

export const tenant: Question = { key: 'tenantId', flag: 'tenant-id', ask: 'Tenant id' }
export const client: Question = { key: 'identity.clientId', flag: 'client-id', ask: "Client id of this agent's own application" }
export const vault: Question = { key: 'vault.url', flag: 'vault-url', ask: 'Address of the Key Vault' }
export const namespace: Question = { key: 'relay.namespace', flag: 'namespace', ask: 'Host name of the Service Bus namespace' }
export const connectionString: Question = {
  key: 'relay.connectionStringFile',
  flag: 'connection-string-file',
  ask: "File with the connection string of this agent's SAS rule",
}
export const transport: Question = { key: 'relay.transport', flag: 'transport', ask: 'How is Service Bus reached?' }
export const proxy: Question = {
  key: 'relay.proxyUrlFile',
  flag: 'proxy-url-file',
  ask: 'File with the address of an HTTP proxy (empty: none)',
}
export const certificate: Question = {
  key: 'identity.certificateFile',
  flag: 'certificate-file',
  ask: 'File with certificate and private key',
}
export const clientSecret: Question = { key: 'identity.secretFile', flag: 'secret-file', ask: 'File with the client secret' }

export const singles: readonly Question[] = [
  tenant,
  client,
  vault,
  namespace,
  connectionString,
  transport,
  proxy,
  certificate,
  clientSecret,
]

/** Of two that exclude each other, the other one. */
export const insteadOf: Readonly<Record<string, string>> = {
  'relay.namespace': 'relay.connectionStringFile',
  'relay.connectionStringFile': 'relay.namespace',
  'identity.certificateFile': 'identity.secretFile',
  'identity.secretFile': 'identity.certificateFile',
}

export const forestQuestions = {
  bindDn: { key: 'bindDn', flag: 'bind-dn', ask: 'Service account (distinguished name or name@domain)' },
  bindPasswordFile: { key: 'bindPasswordFile', flag: 'bind-password-file', ask: 'File with its password' },
  caFile: {
    key: 'caFile',
    flag: 'ca-file',
    ask: "PEM of the authority of the controllers' certificates (empty: the system's authorities)",
  },
  controllers: { key: 'controllers', flag: 'controllers', ask: 'Whom to write to while the PDC emulator cannot be reached?' },
} as const satisfies Record<string, Question>

export const ruleQuestions = {
  forest: { key: 'forest', flag: 'in-forest', ask: 'Forest' },
  baseDn: { key: 'baseDn', flag: 'base-dn', ask: 'Where people are looked for (distinguished name of an OU or domain)' },
  filter: { key: 'filter', flag: 'filter', ask: 'LDAP filter that they must fit (empty: none)' },
  anchor: { key: 'anchor', flag: 'anchor', ask: 'Attribute that is the source anchor' },
  precedence: { key: 'precedence', flag: 'precedence', ask: 'Precedence: the lowest wins' },
  enabled: { key: 'enabled', flag: 'enabled', ask: 'Is the rule in use?' },
} as const satisfies Record<string, Question>

export type Parsed = { value: unknown } | { problem: string }

export function parseSingle(key: string, text: string): Parsed {
  const parsed = parseSetting(key, text) ?? { problem: 'no such setting' }
  const isFile = key.endsWith('File') && !madeByAgent.includes(key) && !(key === 'identity.passphraseFile' && isSystemdCredential(text))
  const problem = 'value' in parsed && isFile ? fileProblem(text, key === 'localCaFile' ? 'readable' : 'private') : undefined
  return problem === undefined ? parsed : { problem }
}

/** What the agent makes when it is not there. */
const madeByAgent = ['journalFile', 'linksFile', 'ceilings.stopFile']

export function parseForestField(field: keyof typeof forest.shape, given: unknown): Parsed {
  const parsed = parse(forest.shape[field], given)
  const isFile = typeof given === 'string' && (field === 'bindPasswordFile' || field === 'caFile')
  const problem = 'value' in parsed && isFile ? fileProblem(given, field === 'caFile' ? 'readable' : 'private') : undefined
  return problem === undefined ? parsed : { problem }
}

export const parseDomainName = (text: string): Parsed => parse(forest.shape.domains.element.shape.name, text)
export const parseServers = (servers: readonly string[]): Parsed => parse(forest.shape.domains.element.shape.servers, servers)
export const parseRuleField = (field: keyof typeof rule.shape, given: string): Parsed => parse(rule.shape[field], ruleValue(field, given))

function ruleValue(field: string, given: string): unknown {
  if (field === 'precedence') return given === '' ? undefined : Number(given)
  return field === 'enabled' ? ({ yes: true, no: false }[given] ?? given) : given
}

function parse(type: z.core.$ZodType, given: unknown): Parsed {
  const parsed = z.safeParse(type, given)
  return parsed.success ? { value: parsed.data } : { problem: parsed.error.issues[0]?.message ?? 'not possible' }
}

export const problemOf = (parsed: Parsed): string | undefined => ('problem' in parsed ? parsed.problem : undefined)

/** Which option answers a problem, by the beginning of its path. */
export function flagFor(path: string): string | undefined {
  const single = singles.filter(({ key }) => key === path || key.startsWith(`${path}.`)).map(({ flag }) => `--${flag}`)
  if (single.length > 0)
    return path === 'relay'
      ? '--namespace or --connection-string-file'
      : path === 'identity'
        ? '--certificate-file or --secret-file'
        : single[0]
  const [, list, field] = /^(forests|rules)(?:\.\d+\.(\w+))?/.exec(path) ?? []
  if (list === undefined) return path === 'settings' ? undefined : `--set ${path}=VALUE`
  if (field === undefined) return list === 'forests' ? '--forest' : '--rule'
  if (field === 'domains') return '--domain and --server'
  const questions: Readonly<Record<string, Question>> = list === 'forests' ? forestQuestions : ruleQuestions
  const flag = questions[field]?.flag
  return flag === undefined ? undefined : `--${flag}`
}
