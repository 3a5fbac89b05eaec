/**
 * The whole product on one machine: every stand-in, the function app and its agents, each a process of its own, built from
 * infra/topology.ts. `npm start` and the journeys use this one composition.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type IdentityName, identities, queues } from '../infra/topology.ts'
import { defaultTimes, type Times } from '../shared/times.ts'
import { type AgentProcess, installAgent, runAgent } from './agent.ts'
import { connectionString } from './azurite.ts'
import type { SasRule } from './bus/authorization.ts'
import { type Authority, loadOrMakeAuthority } from './ca.ts'
import { type SampleForest, sampleForest } from './directory/seed.ts'
import { cloudPeople } from './people.ts'
import { freePort } from './ports.ts'
import { type Remote, startPart } from './process.ts'

export interface SystemOptions {
  /** Certificates, logs and the agents' own folders; made if missing. */
  folder: string
  agents?: number
  times?: Times
  transport?: 'websockets' | 'tcp'
  extraUsers?: number
  /** First choice for what a person may want to open in a browser; any free ones if absent. */
  ports?: { http: number; mail: number }
  progress?(line: string): void
}

export interface System {
  folder: string
  url: string
  tenantId: string
  forest: SampleForest
  parts: { [N in 'entra' | 'bus' | 'vault' | 'graph' | 'mail' | 'directory' | 'azurite' | 'host']: Remote<N> }
  agents: AgentProcess[]
  ca: string
  /** `Endpoint=…` for one identity, to speak to the bus as it would. */
  busConnectionString(identity: IdentityName, transport: 'websockets' | 'tcp'): string
  /** Installs (once) and runs one more agent. */
  startAgent(name?: string): Promise<AgentProcess>
  close(): Promise<void>
}

interface Principal {
  clientId: string
  objectId: string
  secret: string
}

const principal = (): Principal => ({ clientId: randomUUID(), objectId: randomUUID(), secret: randomBytes(24).toString('base64url') })
const loopback = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] }

export async function startSystem(options: SystemOptions): Promise<System> {
  const { folder, times = defaultTimes, progress = () => {} } = options
  const logFolder = join(folder, 'logs')
  await mkdir(logFolder, { recursive: true })
  const authority = await loadOrMakeAuthority(folder)
  const tenantId = randomUUID()
  const functions = principal()
  const installed = Array.from({ length: Math.max(4, options.agents ?? 1) }, principal)
  const sasKeys: Record<IdentityName, string> = { functions: randomBytes(32).toString('base64'), agent: randomBytes(32).toString('base64') }
  const forest = sampleForest({ ...(options.extraUsers !== undefined && { extraUsers: options.extraUsers }) })
  const startedAt = performance.now()
  const opened: { close(): Promise<void> }[] = []
  const agents: AgentProcess[] = []

  async function begin<N extends Parameters<typeof startPart>[0]>(
    name: N,
    partOptions: Parameters<typeof startPart<N>>[1],
    environment = {},
  ): Promise<Remote<N>> {
    const remote = await startPart(name, partOptions, { logFolder, environment })
    opened.unshift(remote)
    progress(`${name.padEnd(10)} ${describe(remote.addresses)}  (${Math.round(performance.now() - startedAt)} ms)`)
    return remote
  }

  async function close(): Promise<void> {
    await Promise.all(agents.map((agent) => agent.stop()))
    for (const part of opened) await part.close()
  }

  try {
    const parts = await startParts()
    const system: System = {
      folder,
      url: `http://localhost:${parts.host.addresses.http}`,
      tenantId,
      forest,
      parts,
      agents,
      ca: authority.ca,
      busConnectionString: (identity, transport) => busConnectionString(parts.bus.addresses, identity, sasKeys[identity], transport),
      startAgent: (name) => startAgent(parts, name),
      close,
    }
    for (let n = 0; n < (options.agents ?? 1); n++) await system.startAgent()
    await allHeard(agents)
    return system
  } catch (error) {
    await close()
    throw error
  }

  async function startParts(): Promise<System['parts']> {
    const tls = await leaf(authority)
    const directoryTls = await authority.issue({ commonName: forest.hostName, dnsNames: [forest.hostName], ipAddresses: [] })
    const webPort = await freePort(options.ports?.mail ?? 0)
    const [entra, bus, directory, mail, azurite] = await Promise.all([
      begin('entra', { tls, tenantId, principals: { functions: { ...functions, identityHeader: functions.secret }, agents: installed } }),
      begin('bus', { queues: { ...queues, requests: { ...queues.requests, lockMs: times.lockMs } }, rules: sasRules(sasKeys), tls }),
      begin('directory', { tls: directoryTls, forest }),
      begin('mail', { ports: { smtp: 0, web: webPort } }),
      begin('azurite', {}),
    ])
    const { issuer, jwksUrl } = entra.addresses
    const trust = { issuer, jwksUrl, ca: authority.ca }
    const owners = Object.fromEntries([[functions.objectId, 'functions'], ...installed.map(({ objectId }) => [objectId, 'agent'])])
    const [vault, graph] = await Promise.all([
      begin('vault', { tls, entra: trust, authority: entra.addresses.tenant, principals: owners }),
      begin('graph', { tls, entra: trust, users: cloudPeople(forest) }),
    ])
    const ready = { entra, bus, directory, mail, azurite, vault, graph }
    return { ...ready, host: await startHost(ready) }
  }

  async function startHost(parts: Omit<System['parts'], 'host'>): Promise<Remote<'host'>> {
    const { entra, bus, mail, azurite, vault, graph } = parts
    const port = await freePort(options.ports?.http ?? 0)
    const storage = connectionString(azurite.addresses)
    const settings = {
      AzureWebJobsStorage: storage,
      DataStorage: storage,
      TENANT_ID: tenantId,
      AZURE_CLIENT_ID: functions.clientId,
      KEY_VAULT_URL: vault.addresses.url,
      GRAPH_URL: graph.addresses.url,
      PUBLIC_ORIGINS: `http://localhost:${port}`,
      MAIL_URL: `smtp://${mail.addresses.smtpHost}:${mail.addresses.smtpPort}`,
      MAIL_FROM: 'reset@corp.example.test',
      WRITEBACK_INITIALLY: 'on',
      RELAY_TRANSPORT: 'tcp',
      ServiceBus: busConnectionString(bus.addresses, 'functions', sasKeys.functions, 'tcp'),
      LOCAL_CA_FILE: join(folder, 'ca.pem'),
      ...timeSettings(times),
    }
    const identity = { IDENTITY_ENDPOINT: entra.addresses.identityEndpoint, IDENTITY_HEADER: functions.secret }
    const hostJson = JSON.parse(await readFile(new URL('../host.json', import.meta.url), 'utf8'))
    const entry = fileURLToPath(new URL('../functions/main.ts', import.meta.url))
    return begin('host', { entry, hostJson, settings, port }, identity)
  }

  async function startAgent({ entra, bus, vault, directory }: System['parts'], name = `agent-${agents.length + 1}`): Promise<AgentProcess> {
    const own = installed[agents.length % installed.length]
    if (!own) throw new Error('no principal left for another agent')
    const port = new URL(directory.addresses.ldaps).port
    const transport = options.transport ?? 'websockets'
    const settingsFile = await installAgent({
      folder: join(folder, name),
      name,
      tenantId,
      clientId: own.clientId,
      clientSecret: own.secret,
      authority: entra.addresses.authorityHost,
      vaultUrl: vault.addresses.url,
      busConnectionString: busConnectionString(bus.addresses, 'agent', sasKeys.agent, transport),
      transport,
      directory: {
        server: forest.hostName,
        domain: forest.hostName.split('.').slice(1).join('.'),
        baseDn: forest.baseDn,
        bindDn: forest.serviceAccount.dn,
        bindPassword: forest.serviceAccount.password,
        address: `127.0.0.1:${port}`,
        ca: authority.ca,
      },
      ca: authority.ca,
      times,
    })
    const agent = runAgent(name, settingsFile, logFolder)
    agents.push(agent)
    await agent.event('agentStarted')
    progress(`${name.padEnd(10)} pid ${agent.pid}  (${Math.round(performance.now() - startedAt)} ms)`)
    return agent
  }
}

/** Up when each agent's first heartbeat is out: it has proven its keys, its link and its directory. */
const allHeard = (agents: readonly AgentProcess[]) => Promise.all(agents.map((agent) => agent.event('heartbeat')))

async function leaf(authority: Authority) {
  return { ca: authority.ca, ...(await authority.issue({ commonName: 'localhost', ...loopback })) }
}

function sasRules(keys: Record<IdentityName, string>): SasRule[] {
  return (['functions', 'agent'] as const).map((name) => ({ name, keys: [keys[name]], claims: identities[name].serviceBus }))
}

function busConnectionString(
  { tcp, ws }: { tcp: number; ws: number },
  name: IdentityName,
  key: string,
  transport: 'websockets' | 'tcp',
): string {
  const account = `SharedAccessKeyName=${name};SharedAccessKey=${key}`
  return transport === 'tcp'
    ? `Endpoint=sb://127.0.0.1:${tcp};${account};UseDevelopmentEmulator=true`
    : `Endpoint=sb://localhost:${ws};${account}`
}

const timeSettings = (t: Times) => ({
  ANSWER_MS: String(t.answerMs),
  TTL_MS: String(t.ttlMs),
  START_WITHIN_MS: String(t.startWithinMs),
  LDAP_MS: String(t.ldapMs),
  LOCK_MS: String(t.lockMs),
})

const describe = (addresses: Record<string, string | number>) =>
  Object.entries(addresses)
    .filter(([name]) => /url|http|page|tcp|ws|ldaps|table/i.test(name) && !/jwks/i.test(name))
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
