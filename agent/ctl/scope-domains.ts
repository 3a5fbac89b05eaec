/**
 * The domains that rules look into, opened with what the agent's settings say: its account, its servers, its PDC emulator.
 *
 * A domain that cannot be reached is an answer, in words for an administrator; the others are read all the same. Not by way of
 * agent/compose.ts, which would load what signs in to Azure: this has no use for it.
 */
import { readFileSync } from 'node:fs'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { type Connection, openConnection } from '../directory/connection.ts'
import { openPdc } from '../directory/pdc.ts'
import { type ProtectedBy, readProtectedMembers } from '../directory/protected-members.ts'
import type { Forest } from '../directory-settings.ts'
import { type AgentSettings, readSecretFile } from '../settings.ts'
import { explain } from './explain.ts'

export interface OpenDomain {
  connection: Connection
  protectedBy: ProtectedBy
  /** The directory's clock when it was opened, ms. */
  nowMs: number
}

export type Opened = { kind: 'open'; domain: OpenDomain } | { kind: 'failed'; why: string }

/** How long Windows works on one page at most (MaxQueryDuration, [MS-ADTS] 3.1.1.3.4.6). */
const pageMs = 120_000

/** `signal` ends every operation that is under way, then and later. */
export async function openScoped(
  { forests, times }: AgentSettings,
  { forestName, domainName }: { forestName: string; domainName: string },
  signal: AbortSignal,
): Promise<Opened> {
  const forest = forests.find(({ name }) => name === forestName)
  const domain = forest?.domains.find(({ name }) => name.toLowerCase() === domainName)
  if (!forest || !domain) return { kind: 'failed', why: 'the settings know no such domain' }
  try {
    return { kind: 'open', domain: await openOne(forest, domain, { ldapMs: times.ldapMs, signal }) }
  } catch (error) {
    return { kind: 'failed', why: explain(error) }
  }
}

async function openOne(
  forest: Forest,
  { name, servers }: Forest['domains'][number],
  { ldapMs, signal }: { ldapMs: number; signal: AbortSignal },
): Promise<OpenDomain> {
  const { addresses, controllers, caFile, bindDn, bindPasswordFile } = forest
  using password = readSecretFile(bindPasswordFile)
  const credentials = { dn: bindDn, password }
  const ca = caFile === undefined ? undefined : readFileSync(caFile, 'utf8')
  const clock = clockUntil(signal)
  const pdc = await openPdc({ servers, addresses, controllers, domain: name, credentials, ca, ldapMs, clock })
  pdc.connection.reset()
  const connection = await openConnection(pdc.endpoint, credentials, { ca, openMs: ldapMs, ldapMs: pageMs, clock })
  try {
    return { connection, protectedBy: await readProtectedMembers(connection, pdc.domainHead), nowMs: pdc.time.serverMs }
  } catch (error) {
    connection.reset()
    throw error
  }
}

/** A clock on which every time limit is over once `signal` says so: whatever waits for a server fails at once. */
function clockUntil(signal: AbortSignal): Clock {
  const over = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  return { ...systemClock, sleep: (ms, options) => Promise.race([systemClock.sleep(ms, options), over]) }
}
