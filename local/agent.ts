/**
 * An agent, installed as an administrator would (settings file, secret files readable by nobody else) and run as a
 * process of its own.
 */
import type { ChildProcess } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Times } from '../shared/times.ts'
import type { BindTarget } from './bind.ts'
import type { SampleForest } from './directory/seed.ts'
import { end, spawnNode } from './process.ts'

export interface AgentInstallation {
  /** Its own folder: settings, secrets, journal. */
  folder: string
  tenantId: string
  clientId: string
  /** PEM with certificate and key, or a client secret. */
  proof: { kind: 'certificate'; pem: string } | { kind: 'secret'; secret: string }
  authority: string
  graphUrl?: string
  vaultUrl: string
  /** A connection string of its SAS rule, or where to sign in with its identity. */
  bus: { kind: 'sas'; connectionString: string } | { kind: 'identity'; namespace: string; endpoint: string }
  transport: 'websockets' | 'tcp'
  /** The first one's rule wins where a person has an account in several. */
  forests: readonly { forest: SampleForest; target: BindTarget }[]
  ca: string
  times: Times
}

export async function installAgent(of: AgentInstallation): Promise<string> {
  const { folder } = of
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, text, { mode: 0o600 })
    await chmod(path, 0o600)
    return path
  }
  const forestSettings = async ({ forest, target }: AgentInstallation['forests'][number]) => ({
    name: nameOf(forest),
    domains: [{ name: forest.hostName.split('.').slice(1).join('.'), servers: [`ldaps://${forest.hostName}`] }],
    bindDn: forest.serviceAccount.dn,
    bindPasswordFile: await file(`bind-password${of.forests.length > 1 ? `-${nameOf(forest)}` : ''}`, forest.serviceAccount.password),
    caFile: await file(`directory-ca-${nameOf(forest)}.pem`, target.ca),
    addresses: { [forest.hostName]: new URL(target.url).host },
  })
  const settings = {
    tenantId: of.tenantId,
    relay: {
      transport: of.transport,
      ...(of.bus.kind === 'sas'
        ? { connectionStringFile: await file('service-bus', of.bus.connectionString) }
        : { namespace: of.bus.namespace, endpoint: of.bus.endpoint }),
    },
    vault: { url: of.vaultUrl },
    identity: {
      clientId: of.clientId,
      authority: of.authority,
      ...(of.graphUrl !== undefined && { graphUrl: of.graphUrl }),
      ...(of.proof.kind === 'certificate'
        ? { certificateFile: await file('certificate.pem', of.proof.pem) }
        : { secretFile: await file('client-secret', of.proof.secret) }),
    },
    forests: await Promise.all(of.forests.map(forestSettings)),
    rules: of.forests.map(({ forest }, at) => ({
      name: at === 0 ? 'everybody' : `everybody in ${nameOf(forest)}`,
      forest: nameOf(forest),
      baseDn: forest.baseDn,
      precedence: 100 * (at + 1),
    })),
    localCaFile: await file('ca.pem', of.ca),
    journalFile: join(folder, 'journal.sqlite'),
    linksFile: join(folder, 'links.sqlite'),
    // A laptop resets whom it likes; the kill switch is this agent's own.
    ceilings: { perMinute: 100_000, perPersonPerHour: 100_000, stopFile: join(folder, 'STOP') },
    times: of.times,
  }
  return file('agent.json', JSON.stringify(settings, null, 2))
}

/** corp, north */
const nameOf = ({ netbiosName }: SampleForest): string => netbiosName.toLowerCase()

/**
 * As docs/operating.md advises: an agent makes little garbage. Node would otherwise keep up to 48 MB to make it in, and go through all
 * memory every two idle minutes.
 */
const nodeFlags = ['--max-semi-space-size=2', '--no-memory-reducer']

export interface AgentProcess {
  name: string
  pid: number
  /** From the start of the process to its first heartbeat: listening, and everything proven. */
  startMs(): Promise<number>
  /** Resolves with the first structured event of this name from now on, or among those already written. */
  event(name: string, matches?: (fields: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>
  /** Every structured event from now on. */
  listen(listener: (fields: Record<string, unknown>) => void): void
  /** To what listens on its channel; the agent that ships does not. */
  tell(message: object): void
  kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  /** Asks it to stop; resolves with its exit code. */
  stop(): Promise<number | undefined>
  exited: Promise<number | null>
}

export function runAgent(name: string, settingsFile: string, logFolder: string, script = 'agent/main.ts'): AgentProcess {
  const spawnedAt = performance.now()
  const args = ['--settings', settingsFile]
  const child = spawnNode(script, args, name, { logFolder, nodeFlags }, [new URL('./with-parent.ts', import.meta.url).href])
  const firstHeartbeat = Promise.withResolvers<number>()
  const events: Record<string, unknown>[] = []
  const listeners = new Set<(fields: Record<string, unknown>) => void>()
  createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> }).on('line', (line) => {
    if (!line.startsWith('{')) return
    const fields = JSON.parse(line)
    events.push(fields)
    if (fields.event === 'heartbeat') firstHeartbeat.resolve(performance.now() - spawnedAt)
    for (const listener of listeners) listener(fields)
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  return {
    name,
    pid: child.pid ?? 0,
    exited,
    startMs: () => firstHeartbeat.promise,
    listen: (listener) => void listeners.add(listener),
    tell: (message) => void (child.connected && child.send(message, () => {})),
    kill: (signal) => void child.kill(signal),
    stop: () => end(child, 20_000),
    event: (event, matches = () => true) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = events.find((fields) => fields['event'] === event && matches(fields))
          if (!found) return
          listeners.delete(look)
          resolve(found)
        }
        listeners.add(look)
        void exited.then((code) =>
          reject(new Error(`${name} ended (exit code ${code ?? 'none'}) before '${event}'; see its log in ${logFolder}`)),
        )
        look()
      }),
  }
}
