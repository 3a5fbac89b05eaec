/**
 * The service: read the settings, open what is needed, run until told to stop. Composition only.
 *
 * Exit codes (docs/operating.md): 0 stopped when asked; 64 wrong usage; 70 internal error; 74 the journal cannot be
 * written; 78 the settings are not usable. A supervisor restarts the agent after 70 and 74.
 */
import { parseArgs } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import { every, systemClock } from '../shared/clock.ts'
import { faultWord, isFault } from '../shared/fault.ts'
import { openLines } from '../shared/lines.ts'
import { createLog } from '../shared/log.ts'
import { openCeilings } from './ceilings.ts'
import { directorySettings, localAuthority, openCredential, relaySettings } from './compose.ts'
import { openDirectory } from './directory/directory.ts'
import { handle } from './handle.ts'
import { createVoice } from './heartbeat.ts'
import { openJournal } from './journal.ts'
import { openKeys } from './keys.ts'
import { openLinks } from './lookup/links.ts'
import { fingerprintOf } from './lookup/rules.ts'
import { runLoop } from './loop.ts'
import { type AgentSettings, fileVariable, readSettings } from './settings.ts'
import { settleUnfinished } from './settle.ts'
import { createTally } from './tally.ts'

const usage = `password-writeback agent ${packageJson.version}

  --settings FILE   the settings file (or ${fileVariable} in the environment)
  --help            this text

Single settings can be overridden: AGENT_RELAY_TRANSPORT=tcp sets relay.transport.
`

const exitCodes = { stopped: 0, usage: 64, internal: 70, journal: 74, settings: 78 } as const
/** What is in hand may take one LDAP operation and its reply; then the agent goes, and redelivery does the rest. */
const drainMs = 15_000
const settleEveryMs = 5_000
const pruneEveryMs = 3_600_000
const journalKeptMs = 7 * 24 * 3_600_000

async function main(): Promise<number> {
  const values = readArguments()
  const file = values?.settings ?? process.env[fileVariable]
  if (values === undefined || values.help || file === undefined) {
    process.stdout.write(usage)
    return values?.help ? exitCodes.stopped : exitCodes.usage
  }
  return run(readSettings(file, process.env))
}

function readArguments() {
  try {
    return parseArgs({ options: { settings: { type: 'string' }, help: { type: 'boolean' } } }).values
  } catch {
    return undefined
  }
}

async function run(settings: AgentSettings): Promise<number> {
  const clock = systemClock
  const lines = openLines((text) => process.stdout.write(text), clock)
  process.on('exit', lines.flush)
  const log = createLog('agent', lines.write, clock)
  const stop = new AbortController()
  const agentId = guidBytes(settings.identity.clientId)
  const tenantId = guidBytes(settings.tenantId)
  const localCa = localAuthority(settings)
  const journal = openJournal(settings.journalFile)
  const credential = openCredential(settings, localCa)
  const keys = openKeys({ url: settings.vault.url, credential, localCa }, clock)
  const links = openLinks({ file: settings.linksFile, fingerprint: fingerprintOf(settings.rules), now: () => clock.now() })
  const directory = openDirectory(directorySettings(settings), { clock, log, links })
  const tally = createTally()
  const ceilings = openCeilings(settings.ceilings, clock)
  const { times } = settings
  const shared = { agentId, tenantId, times, keys, journal, directory, tally, ceilings, clock, log }

  const loop = runLoop({
    relay: relaySettings(settings, credential, localCa),
    concurrency: settings.concurrency,
    handle: (delivery) => handle(delivery, shared),
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

  const fatally = (error: unknown) => stop.abort(error)
  void voice.beat(stop.signal)
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
  return exitCodes.stopped
}

const domainsOf = ({ forests }: AgentSettings) => forests.flatMap(({ domains }) => domains.map(({ name }) => name))

const guidBytes = (guid: string) => Buffer.from(guid.replaceAll('-', ''), 'hex')

/** Settings are explained; anything else is a word and where it happened: a message may hold what must not be printed. */
function explain(error: unknown): string {
  if (isFault(error, 'SETTINGS_INVALID')) return error.message
  const frames = error instanceof Error ? (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : []
  return [faultWord(error), ...frames].join('\n')
}

function report(error: unknown): number {
  process.stderr.write(`${explain(error)}\n`)
  return isFault(error, 'JOURNAL_FAILED') ? exitCodes.journal : isFault(error) && error.permanent ? exitCodes.settings : exitCodes.internal
}

// What ships is CommonJS, which has no top-level await. Should nothing be left that could wake `main`, that is a failure.
process.exitCode = exitCodes.internal
// What nobody caught (the SDK has thrown from a timer, azure-sdk-for-js #20569) ends the agent too, and says no more than the rest.
process.on('uncaughtException', (error) => process.exit(report(error)))
// Exits by itself: sockets of a broker that does not say goodbye must not keep a stopped agent alive.
void main()
  .catch(report)
  .then((code) => process.exit(code))
