/**
 * One domain: each configured controller, then the PDC emulator, as the agent would reach them.
 *
 * A refused service account is tried no further in its forest: each attempt counts towards its lock-out. What was bound stays
 * open for the checks of rules, and is the caller's to close.
 */
import type { Clock } from '../../../shared/clock.ts'
import { faultWord, isFault } from '../../../shared/fault.ts'
import { type Connection, type Endpoint, endpointOf, openConnection } from '../../directory/connection.ts'
import type { ForestSettings } from '../../directory/directory.ts'
import { domainHeadOf, hintsOids, oidsIn, pdcHost, rootAttributes } from '../../directory/pdc.ts'
import { type Row, readBase, serverTimeIn, textOf } from '../../directory/rows.ts'
import { explainRefusal, isRefusal } from '../explain.ts'
import { type CheckId, type Finding, failed, isFailed, passed, skipped } from './checks.ts'
import { compareClocks } from './clocks.ts'
import { checkServer } from './server.ts'

export interface DomainDeps {
  clock: Clock
  limitMs: number
  /** Of the whole forest. */
  account: { refused: boolean }
}

export interface DomainResult {
  findings: Finding[]
  /** To read rules and people with: the PDC emulator's, else any of the right domain. */
  connection: Connection | undefined
  opened: Connection[]
}

interface Bound {
  host: string
  connection: Connection
  head: string | undefined
}

const afterBind: readonly CheckId[] = ['domain', 'policy-hints', 'clock-directory']

export async function checkDomain(
  forest: ForestSettings,
  { name, servers }: ForestSettings['domains'][number],
  deps: DomainDeps,
): Promise<DomainResult> {
  const findings: Finding[] = []
  const bound: Bound[] = []
  const visit = async (endpoint: Endpoint): Promise<Finding[]> => {
    if (deps.account.refused) {
      return ['bind' as const, ...afterBind].map((check) => skipped(check, endpoint.host, 'the service account was refused'))
    }
    const { lines, controller } = await checkController(endpoint, name, forest, deps)
    if (controller) bound.push(controller)
    return lines
  }
  for (const server of servers) findings.push(...(await visit(endpointOf(server, forest.addresses))))
  findings.push(...(await checkEmulator(name, forest, bound, visit)))
  const usable = bound.filter(({ head }) => head !== undefined)
  return { findings, connection: usable.at(-1)?.connection, opened: bound.map(({ connection }) => connection) }
}

async function checkController(endpoint: Endpoint, domain: string, forest: ForestSettings, deps: DomainDeps) {
  const { clock, limitMs } = deps
  const { host } = endpoint
  const outside = await checkServer(endpoint, { clock, limitMs, ca: forest.ca })
  const broken = outside.find(isFailed)
  const nothing = (why: string, checks: readonly CheckId[]) => checks.map((check) => skipped(check, host, why))
  if (broken) return { lines: [...outside, ...nothing(`${broken.check} failed`, ['bind', ...afterBind])], controller: undefined }
  try {
    const options = { clock, ca: forest.ca, openMs: limitMs, ldapMs: limitMs }
    const connection = await openConnection(endpoint, { dn: forest.bindDn, password: forest.bindPassword }, options)
    const { lines, controller } = await lookInside(connection, host, domain, clock)
    return { lines: [...outside, ...lines], controller }
  } catch (error) {
    deps.account.refused = isFault(error, 'DIRECTORY_CONFIGURATION')
    return { lines: [...outside, failed('bind', host, reasonOf(error)), ...nothing('bind failed', afterBind)], controller: undefined }
  }
}

async function lookInside(connection: Connection, host: string, domain: string, clock: Clock) {
  try {
    const root = await readBase(connection, '', rootAttributes)
    const [belongs, head] = checkHead(host, domain, root)
    const accepted = passed('bind', host, 'the service account is accepted')
    const lines = [accepted, belongs, checkHints(host, root), compareClocks('clock-directory', host, serverTimeIn(root), clock)]
    return { lines, controller: { host: (textOf(root, 'dnsHostName') ?? host).toLowerCase(), connection, head } }
  } catch (error) {
    connection.reset()
    throw error
  }
}

function reasonOf(error: unknown): string {
  const cause = isFault(error) ? error.cause : undefined
  return isRefusal(cause) ? explainRefusal(cause) : `it was not answered (${faultWord(cause ?? error)})`
}

function checkHead(host: string, domain: string, root: Row): [Finding, string | undefined] {
  try {
    return [passed('domain', host, domain), domainHeadOf(root, domain)]
  } catch {
    return [failed('domain', host, `it belongs to another domain than ${domain}`), undefined]
  }
}

const checkHints = (host: string, root: Row): Finding =>
  hintsOids.some((oid) => oidsIn(root, 'supportedControl').includes(oid))
    ? passed('policy-hints', host, 'known')
    : failed('policy-hints', host, 'not known: a reset would bypass password history, so the agent sends none')

/** Where it is none of the configured servers, what is wrong with it is its own line. */
async function checkEmulator(
  domain: string,
  forest: ForestSettings,
  bound: Bound[],
  visit: (endpoint: Endpoint) => Promise<Finding[]>,
): Promise<Finding[]> {
  const guide = bound.find(({ head }) => head !== undefined)
  if (!guide?.head) return [skipped('pdc-emulator', domain, 'no controller of the domain could be asked')]
  try {
    const host = await pdcHost(guide.connection, guide.head)
    const known = bound.find((each) => each.host === host)
    if (known) {
      bound.push(...bound.splice(bound.indexOf(known), 1)) // rules are read there
      return [passed('pdc-emulator', domain, `${host} holds the role`)]
    }
    const lines = await visit(endpointOf(`ldaps://${host}`, forest.addresses))
    const broken = lines.find(isFailed)
    if (!broken) return [...lines, passed('pdc-emulator', domain, `${host} holds the role`)]
    const others = lines.filter(({ state }) => state === 'passed' || state === 'warning')
    return [...others, failed('pdc-emulator', domain, `${host} holds the role, and ${broken.check} fails there: ${broken.text}`)]
  } catch (error) {
    return [failed('pdc-emulator', domain, `who holds the role cannot be read (${faultWord(error)})`)]
  }
}
