/**
 * The whole product on one machine: every stand-in, the function app and its agents, each a process of its own (journeys keep the
 * stand-ins inside), built from infra/topology.ts. `npm start`, the journeys and the bench use this one composition.
 */
import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { optionalGraph, queues } from '../infra/topology.ts'
import { defaultTimes } from '../shared/times.ts'
import { type AgentProcess, runAgent } from './agent.ts'
import { appOf, settingsFor } from './app.ts'
import { loadOrMakeAuthority } from './ca.ts'
import { busConnectionString, newCredentials, owners, principalsOf, sasRules } from './credentials.ts'
import { type RunningDirectory, startDirectoriesOf } from './directories.ts'
import { equipAgent } from './equip-agent.ts'
import { startInside } from './inside.ts'
import { asSignedIn, cloudDomains, cloudPeople, federated } from './people.ts'
import { freePort, onFreePort } from './ports.ts'
import { type Remote, startPart } from './process.ts'
import { call } from './reset-client.ts'
import { shownAddresses } from './stand-in.ts'
import type { Parts, System, SystemOptions } from './what-runs.ts'

const spareAgents = 4
const loopback = { commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] }

export async function startSystem(options: SystemOptions): Promise<System> {
  const { folder, times = defaultTimes, progress = () => {}, extraUsers = 0, transport = 'websockets' } = options
  const logFolder = join(folder, 'logs')
  await mkdir(logFolder, { recursive: true })
  const shipped = options.bundled ? await (await import('./bundle.ts')).bundle(join(folder, 'dist')) : undefined
  const authority = await loadOrMakeAuthority(folder)
  const credentials = newCredentials(Math.max(spareAgents, options.agents ?? 1))
  const startedAt = performance.now()
  const opened: { close(): Promise<void> }[] = []
  const agents: AgentProcess[] = []
  const sinceStart = () => `(${Math.round(performance.now() - startedAt)} ms)`

  const begin: Begin = async (name, partOptions, environment = {}) => {
    const inside = options.inside && name !== 'host'
    const remote = inside ? await startInside(name, partOptions) : await startPart(name, partOptions, { logFolder, environment })
    opened.unshift(remote)
    progress(`${name.padEnd(10)} ${shownAddresses(remote.addresses)}  ${sinceStart()}`)
    return remote
  }

  async function beginDirectories(): Promise<[RunningDirectory, ...RunningDirectory[]]> {
    const request = { authority, extraUsers, logFolder, inside: options.inside ?? false }
    const [first, ...more] = await startDirectoriesOf(options.directory ?? 'embedded', options.forests ?? 1, request)
    if (first === undefined) throw new Error('no directory was started')
    for (const { remote, target } of [first, ...more]) {
      opened.unshift(remote)
      progress(`directory  ${target.url}  ${sinceStart()}`)
    }
    return [first, ...more]
  }

  async function close(): Promise<void> {
    await Promise.all(agents.map((agent) => agent.stop()))
    for (const part of opened) await part.close()
  }

  async function startAgent(
    parts: Parts,
    forests: readonly RunningDirectory[],
    name = `agent-${agents.length + 1}`,
  ): Promise<AgentProcess> {
    const own = credentials.agents[agents.length % credentials.agents.length]
    if (!own) throw new Error('no principal left for another agent')
    const settingsFile = await equipAgent(join(folder, name), own, {
      options,
      transport,
      times,
      credentials,
      parts,
      forests,
      ca: authority.ca,
    })
    return runInstalled(name, settingsFile)
  }

  async function runInstalled(name: string, settingsFile: string): Promise<AgentProcess> {
    const agent = runAgent(name, settingsFile, logFolder, options.agentScript ?? shipped?.agent)
    agents.push(agent)
    await agent.event('agentStarted')
    progress(`${name.padEnd(10)} pid ${agent.pid}  ${sinceStart()}`)
    return agent
  }

  try {
    const tls = { ca: authority.ca, ...(await authority.issue(loopback)) }
    const directoryKey = randomUUID()
    const [forests, entra, mail, azurite] = await Promise.all([
      beginDirectories(),
      begin('entra', {
        tls,
        tenantId: credentials.tenantId,
        principals: principalsOf(credentials, options.cloudPasswords ? optionalGraph : []),
        pollS: 0.2,
        directoryKey,
      }),
      begin('mail', { ports: { smtp: 0, web: await freePort(options.ports?.mail ?? 0) } }),
      begin('azurite', {}),
    ])
    const [running] = forests
    const directory = { url: entra.addresses.tenant, key: directoryKey, ca: authority.ca }
    const trust = { issuer: entra.addresses.issuer, jwksUrl: entra.addresses.jwksUrl, ca: authority.ca }
    const ours = { ...queues, requests: { ...queues.requests, lockMs: times.lockMs } }
    const people = cloudPeople(...forests.map(({ forest }) => forest)).map((user) =>
      options.federated?.includes(user.onPremisesSamAccountName ?? '') ? federated(user) : user,
    )
    const [bus, vault, graph] = await Promise.all([
      begin('bus', { queues: ours, rules: sasRules(credentials), tls, entra: { ...trust, principals: owners(credentials) } }),
      begin('vault', { tls, entra: trust, authority: entra.addresses.tenant, principals: owners(credentials) }),
      begin('graph', {
        ...{ tls, entra: trust, directory, users: people },
        tenant: { domains: cloudDomains(...forests.map(({ forest }) => forest)), passwordHashSync: options.passwordHashSync ?? false },
      }),
    ])
    for (const person of people) await entra.call('addPerson', asSignedIn(person))
    const cloud = { entra, bus, mail, azurite, vault, graph, directory: running.remote }
    const app = await appOf(shipped)
    const own = { LOCAL_CA_FILE: join(folder, 'ca.pem'), WRITEBACK_INITIALLY: options.writeback ?? 'on', ...options.settings }
    const settings = { ...settingsFor(cloud, credentials, times), ...own }
    const identity = { IDENTITY_ENDPOINT: entra.addresses.identityEndpoint, IDENTITY_HEADER: credentials.functions.secret }
    const settingsAt = (port: number) => ({ ...settings, PUBLIC_ORIGINS: `http://localhost:${port}` })
    const beginHost = (port: number) => begin('host', { ...app, settings: settingsAt(port), port }, identity)
    const { port, host } = await onFreePort(options.ports?.http ?? 0, beginHost)
    const parts = { ...cloud, host }
    const system: System = {
      folder,
      url: `http://localhost:${port}`,
      tenantId: credentials.tenantId,
      administration: credentials.administration,
      forest: running.forest,
      directory: running.target,
      forests,
      parts,
      agents,
      agentIds: credentials.agents.map(({ clientId }) => clientId),
      ca: authority.ca,
      busConnectionString: (name, over) => busConnectionString(bus.addresses, name, credentials, over),
      startAgent: (name) => startAgent(parts, forests, name),
      startAgain: (name) => runInstalled(name, join(folder, name, 'agent.json')),
      functionsEnvironment: { ...settingsAt(port), ...identity },
      async killHost() {
        await parts.host.kill()
        const comeBack = async () => {
          parts.host = await beginHost(port)
        }
        return { comeBack }
      },
      close,
    }
    for (let n = 0; n < (options.agents ?? 1); n++) await system.startAgent()
    if (agents.length > 0) await isUp(system)
    return system
  } catch (error) {
    await close()
    throw error
  }
}

type Begin = <N extends keyof Parts>(
  name: N,
  options: Parameters<typeof startPart<N>>[1],
  environment?: Record<string, string>,
) => Promise<Remote<N>>
/** Once the functions have heard every agent that was started, at the latest after a minute. */
async function isUp({ url, agents }: System): Promise<void> {
  await Promise.all(agents.map((agent) => agent.event('heartbeat')))
  for (let tries = 0; tries < 300; tries++) {
    if ((await call(url, 'status')).body.writeback === 'up') return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error('the agents sent their heartbeats, but the service is still "down"')
}
