/**
 * Another instance of the function app's key engine, in the bench's own process and on a clock of its own: to begin runs as an
 * administrator's call does, and to see an overlap end that is not over by the system's clock.
 */
import { openCredential } from '../functions/entra/credential.ts'
import { openEvidence } from '../functions/keys/evidence.ts'
import { openFeature } from '../functions/keys/feature.ts'
import { openKeyring } from '../functions/keys/keyring.ts'
import { createRollover } from '../functions/keys/rollover.ts'
import { openVault } from '../functions/keys/vault.ts'
import { openAgents } from '../functions/relay/agents.ts'
import { createAsk } from '../functions/relay/ask.ts'
import { openLink } from '../functions/relay/link.ts'
import { createProbe, type Probe } from '../functions/relay/probe.ts'
import { readSettings } from '../functions/settings.ts'
import type { Rows } from '../functions/store/rows.ts'
import { openTables } from '../functions/store/tables.ts'
import type { System } from '../local/what-runs.ts'
import { type Clock, systemClock } from '../shared/clock.ts'

export interface InstanceOptions {
  /** Around what the rollover itself writes. */
  around?: (rows: Rows) => Rows
  /** Instead of asking agents for a proof. */
  onboard?: Probe['onboard']
}

export type Instance = ReturnType<typeof openInstance>

export function openInstance(
  { functionsEnvironment }: Pick<System, 'functionsEnvironment'>,
  aheadMs = 0,
  { around = (rows) => rows, onboard }: InstanceOptions = {},
) {
  // The managed identity's own way in: where tokens come from stands in the environment.
  Object.assign(process.env, functionsEnvironment)
  const settings = readSettings(functionsEnvironment)
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs }
  const log = () => {}
  const { tenantId, times, localCa = '' } = settings
  const credential = openCredential({ clientId: settings.AZURE_CLIENT_ID })
  const tables = openTables({ connection: { kind: 'connectionString', connectionString: settings.DataStorage ?? '' }, clock })
  const vault = openVault({ url: settings.KEY_VAULT_URL, credential, clock, local: { ca: localCa } })
  const { rows, pointer, keys } = openKeyring({ tables, vault, log, clock })
  const agents = openAgents({ rows, clock })
  const feature = openFeature({ rows, initiallyOn: false, clock })
  const address = { kind: 'connectionString', connectionString: settings.ServiceBus ?? '' } as const
  const link = openLink({ address, transport: 'tcp', ca: localCa }, (delivery) => asking.receive(delivery), { clock, log })
  const late = async () => {}
  const asking = createAsk({ tenantId, times, link, agents, late, unknown: () => {}, clock, log })
  const probe = createProbe({ tenantId, times, keys, inquire: asking.inquire, clock })
  const evidence = openEvidence({ rows, vault, log })
  const rollover = createRollover({
    rows: around(rows),
    vault,
    pointer,
    agents,
    feature,
    onboard: onboard ?? probe.onboard,
    evidence,
    clock,
    log,
  })
  return { rollover, feature, evidence, offboard: probe.offboard, close: async () => void (await link.stop()?.close()) }
}
