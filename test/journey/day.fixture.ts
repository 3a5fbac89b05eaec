/**
 * A day of the whole product in one process, on a clock that is moved by hand: the agent's parts, the functions' parts, and the
 * real stand-ins and SDKs between them. Only what guards real sockets (the watchdog's probes) lives in real time.
 *
 * The bus counts and measures every message as it was sent.
 */
import { createHmac, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCeilings } from '../../agent/ceilings.ts'
import { openOneDomain } from '../../agent/directory/one-domain.fixture.ts'
import { handle } from '../../agent/handle.ts'
import { createVoice } from '../../agent/heartbeat.ts'
import { openJournal } from '../../agent/journal.ts'
import { openKeys as openAgentKeys } from '../../agent/keys.ts'
import { openLanes } from '../../agent/lanes.ts'
import { runLoop } from '../../agent/loop.ts'
import { decisions } from '../../agent/redelivery.ts'
import { createTally } from '../../agent/tally.ts'
import { openEvidence } from '../../functions/keys/evidence.ts'
import { openFeature } from '../../functions/keys/feature.ts'
import { openKeyring } from '../../functions/keys/keyring.ts'
import { openMacs } from '../../functions/keys/mac.ts'
import { createRollover } from '../../functions/keys/rollover.ts'
import { openVault } from '../../functions/keys/vault.ts'
import { openAgents } from '../../functions/relay/agents.ts'
import { createAsk } from '../../functions/relay/ask.ts'
import { onAgentEvent } from '../../functions/relay/events.ts'
import { openLink } from '../../functions/relay/link.ts'
import { createProbe } from '../../functions/relay/probe.ts'
import { createSeal } from '../../functions/relay/seal.ts'
import { recentFlows } from '../../functions/reset/flow.ts'
import { newPassword } from '../../functions/reset/new-password.ts'
import { openRoom } from '../../functions/reset/room.ts'
import { makeFlow } from '../../functions/reset/test-reset.ts'
import { createWrite } from '../../functions/reset/write.ts'
import { memoryTables } from '../../functions/store/test-tables.ts'
import { queues } from '../../infra/topology.ts'
import { type BusAddresses, startBus } from '../../local/bus/bus.ts'
import { makeAuthority } from '../../local/ca.ts'
import { startDirectory } from '../../local/directory/directory.ts'
import { sampleForest } from '../../local/directory/seed.ts'
import { agent as agentPrincipal, tenantId as tenantGuid } from '../../local/entra/test-tenant.ts'
import { startTestVault } from '../../local/vault/test-vault.ts'
import { systemClock } from '../../shared/clock.ts'
import type { EventName, Log } from '../../shared/log.ts'
import { connectRelay } from '../../shared/relay/client.ts'
import { Secret } from '../../shared/secret.ts'
import { defaultTimes as times } from '../../shared/times.ts'
import { virtualClock } from '../virtual-clock.ts'

const rule = { name: 'everything', key: 'the only key' }
const queueNames = ['events', 'requests', 'replies'] as const
const hostName = 'dc1.corp.example.test'
const guid = (text: string) => Buffer.from(text.replaceAll('-', ''), 'hex')
const minutes = (n: number) => n * 60_000

export type Day = Awaited<ReturnType<typeof startDay>>

export async function startDay() {
  // The machine's own time to begin with: tokens are made and checked by it.
  const clock = virtualClock(Math.ceil(systemClock.now() / 1_000) * 1_000)
  const ends: (() => unknown)[] = []
  const ending = <T>(thing: T, end: (thing: T) => unknown): T => {
    ends.unshift(() => end(thing))
    return thing
  }
  const logged: EventName[] = []
  const log: Log = (event) => void logged.push(event)

  const cloud = ending(await startTestVault(), (it) => it.close())
  const bus = ending(
    await startBus({ queues, rules: [{ name: rule.name, keys: [rule.key], claims: { '/': ['Send', 'Listen'] } }], clock }),
    (it) => it.close(),
  )
  const { tls } = cloud.tenant
  const authority = await makeAuthority()
  const certificate = await authority.issue({ commonName: hostName, dnsNames: [hostName], ipAddresses: [] })
  const directory = ending(await startDirectory({ tls: certificate, forest: sampleForest({ hostName, extraUsers: 10 }), clock }), (it) =>
    it.close(),
  )
  const relay = {
    address: { kind: 'connectionString', connectionString: longLived(bus.addresses, clock.now()) },
    transport: 'tcp',
    ca: undefined,
  } as const

  // The functions, as functions/main.ts composes them.
  const tenantId = guid(tenantGuid)
  const tables = memoryTables()
  const vault = openVault({ url: cloud.vault.addresses.url, credential: cloud.tenant.managedIdentity(), clock, local: { ca: tls.ca } })
  const keyring = openKeyring({ tables, vault, log, clock })
  const { rows, keys } = keyring
  const macs = openMacs(keyring.stateKeys)
  const feature = openFeature({ rows, initiallyOn: false, clock })
  const agents = openAgents({ rows, clock })
  const link = openLink(relay, (delivery) => asking.receive(delivery), { clock: systemClock, log })
  ends.unshift(() => link.stop()?.close())
  const nothingLate = async () => {
    throw new Error('on this day every answer comes in time')
  }
  const asking = createAsk({ tenantId, times, link, agents, late: nothingLate, unknown: () => void nothingLate(), clock, log })
  const probe = createProbe({ tenantId, times, keys, inquire: asking.inquire, clock })
  const evidence = openEvidence({ rows, vault, log })
  const rollover = createRollover({ rows, vault, pointer: keyring.pointer, agents, feature, onboard: probe.onboard, evidence, clock, log })
  const hear = onAgentEvent({ tenantId, keys, agents, settle: nothingLate, log })
  let heard = 0
  const client = ending(connectRelay(relay, clock), (it) => it.close())
  await client.receive(
    'events',
    1,
    async (delivery) => {
      const triggerMetadata = { messageId: delivery.messageId, enqueuedTime: new Date(delivery.enqueuedAt).toISOString() }
      await hear(delivery.body, { triggerMetadata })
      await delivery.complete()
      heard += 1
    },
    () => {},
  )
  const flows = { rows, macs, clock, recent: recentFlows() }
  const seal = createSeal({ tenantId, times, keys, clock })
  const nobodyInTheCloud = { alone: () => Promise.reject(new Error('cloud')), behind: () => Promise.reject(new Error('cloud')) }
  const write = createWrite({ seal, ask: asking.ask, cloudPasswords: nobodyInTheCloud, submitted: () => {} })
  const submit = newPassword({ ...flows, agents, feature, times, room: openRoom(), write, checkPassword: async () => undefined })

  // The agent, as agent/run.ts composes it.
  const folder = ending(mkdtempSync(join(tmpdir(), 'day-')), (path) => rmSync(path, { recursive: true }))
  const { serviceAccount, baseDn } = directory.forest
  const domain = {
    servers: [`ldaps://${hostName}`],
    addresses: { [hostName]: new URL(directory.addresses.ldaps).host },
    ca: authority.ca,
    bindDn: serviceAccount.dn,
    bindPassword: Secret.fromText(serviceAccount.password),
    baseDn,
    ldapMs: times.ldapMs,
    domain: 'corp.example.test',
  }
  const agentDirectory = ending(openOneDomain(domain, { clock, log }), (it) => it.close())
  const journal = ending(openJournal(join(folder, 'journal.sqlite'), clock.monotonic()), (it) => it.close())
  const agentKeys = openAgentKeys(
    { url: cloud.vault.addresses.url, credential: cloud.tenant.credentialOf(agentPrincipal), localCa: tls.ca },
    clock,
  )
  const shared = {
    agentId: guid(agentPrincipal.clientId),
    tenantId,
    times,
    decisions,
    keys: agentKeys,
    journal,
    directory: agentDirectory,
    tally: createTally(),
    ceilings: openCeilings({ perMinute: 20, perPersonPerHour: 5, stopFile: join(folder, 'STOP') }, clock),
    lanes: openLanes(4, clock),
    clock,
    log,
  }
  const loop = runLoop({
    relay: () => relay,
    connect: (settings) => connectRelay(settings, clock),
    handle: (delivery, placed) => handle(delivery, shared, placed),
    fatal: (error) => {
      throw error
    },
    clock: systemClock,
    log,
  })
  ends.unshift(() => loop.relay.stop()?.close())
  const voice = createVoice({
    ...shared,
    keys: {
      ...agentKeys,
      prove: once(
        () => agentKeys.prove(),
        () => JSON.stringify(cloud.vault.control.versions()),
      ),
    },
    version: '1.0.0',
    configuration: {},
    // Both cost what they cost in real time, and change nothing on the bus: asked anew only where there may be something new.
    facts: once(() => agentDirectory.facts()),
    relay: loop.relay,
  })
  const startedAt = clock.now()
  const seen = new Set<string>()
  const over = new AbortController()
  ends.unshift(() => over.abort())

  const until = async (done: () => boolean) => {
    const giveUp = AbortSignal.timeout(10_000)
    while (!done()) {
      if (giveUp.aborted) throw new Error('what this moment should bring about did not come')
      await systemClock.sleep(1)
    }
  }
  /** Time passes; the reply session's lock is renewed as the watchdog does it, only less often. */
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= minutes(2.5)) {
      await clock.advance(Math.min(left, minutes(2.5)))
      await (await link.ready(AbortSignal.timeout(5_000))).probe()
    }
  }

  return {
    logged,
    feature,
    rollover,
    evidence,
    offboard: probe.offboard,
    anchors: directory.forest.users.filter(({ sam }) => /^user\d+$/.test(sam)).map(({ sam }) => directory.control.user(sam).immutableId),
    async startAgent() {
      await keyring.pointer.current() // the functions were there before, and have made the first keys
      void voice.beat(over.signal)
      await until(() => heard === 1)
    },
    /** Five minutes and the heartbeat at their end; every third time the functions' timer as well. */
    async interval() {
      const before = heard
      await pass(minutes(5))
      await until(() => heard > before)
      if (heard % 3 === 0) await rollover.keep()
    },
    /** Somebody who has passed the gate. */
    async reset(sourceAnchor: string, password: string) {
      const flow = await makeFlow(flows, { state: 'verified', person: { id: randomUUID(), sourceAnchor } })
      return submit(flow.call({ newPassword: password }, { deadline: clock.deadline(times.answerMs) }))
    },
    /** Everything the bus has taken since this was asked last, in order; `minute` of the day. */
    messages() {
      const all = queueNames.flatMap((queue) => bus.control.recent(queue).map((message) => ({ queue, ...message })))
      const fresh = all.filter(({ messageId, queue }) => !seen.has(`${queue} ${messageId}`))
      for (const { messageId, queue } of fresh) seen.add(`${queue} ${messageId}`)
      const minute = (at: number) => (at - startedAt) / minutes(1)
      return fresh
        .map(({ queue, enqueuedAt, encodedBytes }) => ({ queue, minute: minute(enqueuedAt), encodedBytes }))
        .toSorted((a, b) => a.minute - b.minute)
    },
    async close() {
      for (const end of ends) await end()
    },
  }
}

/** A connection string with a token that outlives the day: a client renews its own by real time only. */
function longLived({ tcp }: BusAddresses, now: number): string {
  const resource = encodeURIComponent(`sb://127.0.0.1:${tcp}/`)
  const expiry = Math.floor(now / 1_000) + 365 * 24 * 3_600
  const signature = createHmac('sha256', rule.key).update(`${resource}\n${expiry}`).digest('base64')
  const token = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${rule.name}`
  return `Endpoint=sb://127.0.0.1:${tcp};SharedAccessSignature=${token};UseDevelopmentEmulator=true`
}

/** What `ask` answered, until what it depends on has changed. */
function once<T>(ask: () => Promise<T>, dependsOn = () => ''): () => Promise<T> {
  let known: { answer: Promise<T>; on: string } | undefined
  return () => {
    const on = dependsOn()
    if (known?.on !== on) known = { answer: ask(), on }
    return known.answer
  }
}
