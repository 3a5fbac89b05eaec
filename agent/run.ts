/**
 * The running agent: from settings to parts, loops over them, and the way out. `parts` is what it is made of; a test of
 * crashes hands in the same ones with a stop in between.
 */
import packageJson from '../package.json' with { type: 'json' }
import { every, systemClock } from '../shared/clock.ts'
import { openLines } from '../shared/lines.ts'
import { createLog } from '../shared/log.ts'
import { connectRelay } from '../shared/relay/client.ts'
import { openCeilings } from './ceilings.ts'
import { directorySettings, localAuthority, openCredential, relaySettings, renewalOf } from './compose.ts'
import { coreDumpsOn } from './core-dumps.ts'
import { keepCertificate } from './credential/renewal.ts'
import { openDirectory } from './directory/directory.ts'
import { handle } from './handle.ts'
import { createVoice } from './heartbeat.ts'
import { openJournal } from './journal.ts'
import { openKeys } from './keys.ts'
import { openLanes } from './lanes.ts'
import { openLinks } from './lookup/links.ts'
import { fingerprintOf } from './lookup/rules.ts'
import { runLoop } from './loop.ts'
import { decisions } from './redelivery.ts'
import type { AgentSettings } from './settings.ts'
import { settleUnfinished } from './settle.ts'
import { createTally } from './tally.ts'

export const parts = { clock: systemClock, connectRelay, openJournal, openKeys, openDirectory, decisions }
export type Parts = typeof parts

/** What is in hand may take one LDAP operation and its reply; then the agent goes, and redelivery does the rest. */
const drainMs = 15_000
const settleEveryMs = 5_000
const pruneEveryMs = 3_600_000
const journalKeptMs = 7 * 24 * 3_600_000

/** Resolves when it was asked to stop and has; rejects with what it cannot go on with. */
export async function run(settings: AgentSettings, { clock, connectRelay, openJournal, openKeys, openDirectory, decisions }: Parts) {
  const lines = openLines((text) => process.stdout.write(text), clock)
  process.on('exit', lines.flush)
  const log = createLog('agent', lines.write, clock)
  const stop = new AbortController()
  const agentId = guidBytes(settings.identity.clientId)
  const tenantId = guidBytes(settings.tenantId)
  const localCa = localAuthority(settings)
  const journal = openJournal(settings.journalFile, clock.monotonic())
  const credential = openCredential(settings, localCa)
  const keys = openKeys({ url: settings.vault.url, credential, localCa }, clock, log)
  const links = openLinks({ file: settings.linksFile, fingerprint: fingerprintOf(settings.rules), now: () => clock.now() })
  const directory = openDirectory(directorySettings(settings), { clock, log, links })
  const tally = createTally()
  const ceilings = openCeilings(settings.ceilings, clock)
  const lanes = openLanes(settings.concurrency, clock)
  const { times } = settings
  const shared = { agentId, tenantId, times, decisions, keys, journal, directory, tally, ceilings, lanes, clock, log }

  const loop = runLoop({
    relay: () => relaySettings(settings, credential, localCa),
    connect: connectRelay,
    handle: (delivery, placed) => handle(delivery, shared, placed),
    fatal: (error) => stop.abort(error),
    clock,
    log,
  })
  const voice = createVoice({
    ...shared,
    version: packageJson.version,
    configuration: { tenantId: settings.tenantId, domains: domainsOf(settings), rules: settings.rules, times },
    // A stopped agent is of no use to anybody: nobody is to be sent its way.
    facts: async () => (await directory.facts()).map((facts) => ({ ...facts, reachable: facts.reachable && !ceilings.stopped() })),
    relay: loop.relay,
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort('asked'))
  log('agentStarted', { agent: agentId.toString('hex'), version: packageJson.version })
  if (coreDumpsOn()) log('coreDumpsOn')

  const fatally = (error: unknown) => stop.abort(error)
  void voice.beat(stop.signal)
  const renewal = renewalOf(settings, localCa, { clock, log })
  if (renewal) void keepCertificate(renewal, stop.signal)
  const settle = () => settleUnfinished({ ...shared, inHand: loop.inHand, tell: voice.settled })
  void every(clock, settleEveryMs, stop.signal, settle).catch(fatally)
  void every(clock, pruneEveryMs, stop.signal, async () => journal.prune(clock.now() - journalKeptMs)).catch(fatally)
  await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }))

  await loop.drain(drainMs)
  await voice.stopping().catch(() => {})
  const link = loop.relay.stop()
  await Promise.race([link?.close().catch(() => {}), clock.sleep(2_000, { unref: true })])
  directory.close()
  journal.close()
  log('agentStopped', { agent: agentId.toString('hex') })
  if (stop.signal.reason !== 'asked') throw stop.signal.reason
}

const domainsOf = ({ forests }: AgentSettings) => forests.flatMap(({ domains }) => domains.map(({ name }) => name))

const guidBytes = (guid: string) => Buffer.from(guid.replaceAll('-', ''), 'hex')
