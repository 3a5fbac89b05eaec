/**
 * The function app: settings, composition, and a loop over the routes. Nothing else happens here.
 *
 * Module state is per instance: one relay link, opened at start and closed when the host ends the app.
 */
import { app } from '@azure/functions'
import { systemClock } from '../shared/clock.ts'
import { faultWord } from '../shared/fault.ts'
import { openLines } from '../shared/lines.ts'
import { createLog } from '../shared/log.ts'
import type { RelayAddress } from '../shared/relay/client.ts'
import { openAdmission } from './admin/admission.ts'
import { createGenerate } from './admin/generate.ts'
import { manageKeys } from './admin/keys.ts'
import { relink } from './admin/relink.ts'
import { admitAgent, incident, revokeAgent, rollKeys } from './admin/rollover.ts'
import { readStatus } from './admin/status.ts'
import { openUsers } from './admin/users.ts'
import { readWriteback, switchWriteback } from './admin/writeback.ts'
import { openAuditing } from './audit/open.ts'
import { submittedStep } from './audit/witness.ts'
import { openAttempts } from './change/attempts.ts'
import { change } from './change/change.ts'
import { openCredential, type TokenCredential } from './entra/credential.ts'
import { openEntra } from './entra/open.ts'
import { openTokenChecks } from './entra/token-checks.ts'
import { openAuthenticators } from './gates/authenticators.ts'
import { deliverChallenge } from './gates/deliver.ts'
import { type AdministratorHandler, atEdge, type Handler, type UserHandler } from './http/edge.ts'
import { openEvidence } from './keys/evidence.ts'
import { openFeature } from './keys/feature.ts'
import { openKeyring } from './keys/keyring.ts'
import { openMacs } from './keys/mac.ts'
import { readPointer } from './keys/pointer.ts'
import { createRollover } from './keys/rollover.ts'
import { shownRun } from './keys/run.ts'
import { openVault } from './keys/vault.ts'
import { openMail } from './mail/smtp.ts'
import { resetPage } from './pages/reset-page.ts'
import { openBreaches } from './policy/breach.ts'
import { createCheckPassword } from './policy/check.ts'
import { changePolicy, readPolicy } from './policy/manage.ts'
import { openPolicies } from './policy/row.ts'
import { readRules } from './policy/rules.ts'
import { openMethods } from './register/methods.ts'
import { createAftermath } from './relay/aftermath.ts'
import { openAgents } from './relay/agents.ts'
import { createAsk } from './relay/ask.ts'
import { createPolicyOf } from './relay/domain-policy.ts'
import { onAgentEvent } from './relay/events.ts'
import { openLink } from './relay/link.ts'
import { createProbe } from './relay/probe.ts'
import { createSeal, createSealCheck } from './relay/seal.ts'
import { sweepReplies } from './relay/sweep.ts'
import { challenge } from './reset/challenge.ts'
import { recentFlows } from './reset/flow.ts'
import { newPassword } from './reset/new-password.ts'
import { removeOldFlows } from './reset/old-flows.ts'
import { read } from './reset/read.ts'
import { openRoom } from './reset/room.ts'
import { isOpen, settle } from './reset/settle.ts'
import { start } from './reset/start.ts'
import { verify } from './reset/verify.ts'
import { createWrite } from './reset/write.ts'
import { type AuthOf, type BodyOf, type RouteName, routes, triggers } from './routes.ts'
import { type FunctionsSettings, readSettings } from './settings.ts'
import { status } from './status.ts'
import type { StorageConnection } from './store/connection.ts'
import { insist } from './store/insist.ts'
import { openChallengeQueue } from './store/queue.ts'
import { openTables } from './store/tables.ts'
import { unlock } from './unlock/unlock.ts'

const settings = readSettings(process.env)
const clock = systemClock
const lines = openLines((text) => process.stdout.write(text), clock)
process.on('exit', lines.flush)
const log = createLog('functions', lines.write, clock)
const { tenantId, times, localCa } = settings
const local = localCa === undefined ? {} : { local: { ca: localCa } }
const credential = openCredential({ clientId: settings.AZURE_CLIENT_ID })

const tables = openTables({ connection: storage(settings.DataStorage__tableServiceUri, settings, credential), clock })
const queue = openChallengeQueue({ connection: storage(settings.DataStorage__queueServiceUri, settings, credential), clock })
const vault = openVault({ url: settings.KEY_VAULT_URL, credential, clock, log, ...local })
const keyring = openKeyring({ tables, vault, log, clock })
const { rows, keys } = keyring
const macs = openMacs(keyring.stateKeys)
const feature = openFeature({ rows, initiallyOn: settings.WRITEBACK_INITIALLY === 'on', clock })
const entra = openEntra({ graphUrl: settings.GRAPH_URL, synced: settings.SYNCED_SIGN_IN, credential, clock, log, ...local })
const { people } = entra
const mail = openMail({
  url: settings.MAIL_URL,
  from: settings.MAIL_FROM,
  clock,
  ...(localCa !== undefined && { local: { kind: 'plain' } }),
})
const agents = openAgents({ rows, clock })
const policies = openPolicies({ rows, clock })
const retentionDays = async () => (await policies.current()).auditDays
const auditing = openAuditing({ rows, tables, retentionDays, clock, log })
const { steps } = auditing
const isBreached = openBreaches({ url: settings.BREACH_URL, clock, log, ...local })
const checkPassword = createCheckPassword({ policies, isBreached })
const authenticators = openAuthenticators({ rows, clock })

type Settle = Parameters<typeof onAgentEvent>[0]['settle']
const settleRequest: Settle = (messageId, outcome) => settle(messageId, outcome, { rows, people, mail, steps, log })
const settleInsisting: Settle = (messageId, outcome) => insist(() => settleRequest(messageId, outcome), clock)
const relay = { address: relayAddress(settings, credential), transport: settings.RELAY_TRANSPORT, ca: localCa }
const link = openLink(relay, (delivery) => asking.receive(delivery), { clock, log })
const asking = createAsk({ tenantId, times, link, agents, late: settleInsisting, unknown: (question) => aftermath(question), clock, log })
const aftermath = createAftermath({
  inquire: asking.inquire,
  agents,
  isOpen: (messageId) => isOpen(messageId, { rows }),
  settle: settleInsisting,
  times,
  clock,
  log,
})

const { onboard, offboard } = createProbe({ tenantId, times, keys, inquire: asking.inquire, clock })
const evidence = openEvidence({ rows, vault, log })
const rollover = createRollover({ rows, vault, pointer: keyring.pointer, agents, feature, onboard, evidence, clock, log })
const keepKeys = async () => {
  await rollover.keep()
  await evidence.keep()
}

const sweep = async () => void (await sweepReplies({ tenantId, keys, link, asking, settle: settleRequest, clock, log }))

const rolling = { rollover, feature, agents, times, clock, log }
const flows = { rows, macs, clock, recent: recentFlows() }
type HandlerFor<A, B> = A extends 'administrator' ? AdministratorHandler<B> : A extends 'user' ? UserHandler<B> : Handler<B>
const sealing = { tenantId, times, keys, clock }
const write = createWrite({ ...entra, seal: createSeal(sealing), ask: asking.ask, submitted: submittedStep({ steps }) })
const policyOf = createPolicyOf({ agents, clock })
const sending = { ...flows, policies, agents, feature, times, room: openRoom(), write, checkPassword, policyOf }
const handlers: { [N in RouteName]: HandlerFor<AuthOf<N>, BodyOf<N>> } = {
  startReset: start({ ...flows, agents, policies }),
  challengeReset: challenge({ ...flows, queue, policies }),
  verifyReset: verify({ ...flows, ...entra, policies, authenticators, agents, log }),
  newPassword: newPassword(sending),
  unlock: unlock(sending),
  change: change({
    ...sending,
    ...entra,
    log,
    attempts: openAttempts({ rows, clock }),
    refusalMs: settings.CHANGE_REFUSAL_MS,
  }),
  resetPage,
  readReset: read({ ...flows, policies }),
  readRules: readRules({ ...sending, sealCheck: createSealCheck(sealing), inquire: asking.inquire }),
  ...openUsers({
    ...sending,
    ...entra,
    inquire: asking.inquire,
    sealCheck: createSealCheck(sealing),
    generate: createGenerate(sending),
    steps,
    log,
  }),
  readStatus: readStatus(rolling),
  relink: relink({ rows, clock, people, log }),
  readWriteback: readWriteback(rolling),
  switchWriteback: switchWriteback({ ...rolling, offboard }),
  readKeys: manageKeys({
    vault,
    pointer: async () => (await readPointer(rows))?.pointer,
    run: () => rollover.last().then((run) => run && shownRun(run)),
    evidence,
  }),
  rollKeys: rollKeys(rolling),
  incident: incident(rolling),
  revokeAgent: revokeAgent(rolling),
  admitAgent: admitAgent(rolling),
  ...openMethods({ authenticators, people, mail, clock, log: auditing.log }),
  readPolicy: readPolicy({ policies }),
  changePolicy: changePolicy({ policies, canCheckBreaches: settings.BREACH_URL !== undefined }),
  readAudit: auditing.read,
  status: status({ agents }),
}

const admit = openAdmission({ checks: openTokenChecks(settings, { clock, ...local }), authContext: settings.ADMIN_AUTH_CONTEXT, log })
for (const one of routes) {
  const { name, method, route, body } = one
  const larger = 'maxBodyBytes' in one && { maxBodyBytes: one.maxBodyBytes }
  const edge = { ...larger, origins: settings.PUBLIC_ORIGINS, answerMs: times.answerMs, clock, log }
  const changes = method !== 'GET'
  const guard = one.auth !== 'anonymous' && { admit: admit.bind(undefined, { ...one, changes }) }
  const handler = auditing.seen(one, handlers[name] as Handler)
  // The host's own levels know no person: who may call is decided at the edge.
  app.http(name, { methods: [method], route, authLevel: 'anonymous', handler: atEdge(name, body, handler, { ...edge, ...guard }) })
}
app.storageQueue('deliverChallenge', {
  ...triggers.deliverChallenge,
  handler: (message) => deliverChallenge(message, { rows, macs, people, mail, clock, log }),
})
app.serviceBusQueue('onAgentEvent', {
  ...triggers.onAgentEvent,
  handler: onAgentEvent({
    tenantId,
    keys,
    agents: { heard: (event, enqueuedAt) => insist(() => agents.heard(event, enqueuedAt), clock) },
    settle: settleInsisting,
    log,
  }),
})
app.timer('sweepReplies', { ...triggers.sweepReplies, handler: sweep })
app.timer('keepKeys', { ...triggers.keepKeys, handler: keepKeys })
app.timer('removeOldSteps', { ...triggers.removeOldSteps, handler: auditing.removeOldSteps })
app.timer('removeOldFlows', { ...triggers.removeOldFlows, handler: async () => void (await removeOldFlows({ tables, clock })) })

app.hook.appStart(() => {
  // Not awaited: an app whose vault is away for a moment must still start; whatever needs a key makes or waits for it.
  keepKeys().catch((error: unknown) => log('keysUnavailable', { fault: faultWord(error) }))
  // Whoever was here before may have died with replies on its session.
  sweep().catch((error: unknown) => log('relayError', { fault: faultWord(error) }))
})
app.hook.appTerminate(async () => {
  const closed = link.stop()?.close()
  const ended = Promise.allSettled([closed, steps.flush({ counts: true })])
  await Promise.race([ended, clock.sleep(2_000, { unref: true })])
  mail.close()
})

function storage(url: string | undefined, { DataStorage }: FunctionsSettings, identity: TokenCredential): StorageConnection {
  if (url !== undefined) return { kind: 'identity', url, credential: identity }
  return { kind: 'connectionString', connectionString: DataStorage ?? '' }
}

function relayAddress(
  { ServiceBus, ServiceBus__fullyQualifiedNamespace: namespace }: FunctionsSettings,
  identity: TokenCredential,
): RelayAddress {
  if (namespace !== undefined) return { kind: 'identity', namespace, credential: identity }
  return { kind: 'connectionString', connectionString: ServiceBus ?? '' }
}
