/**
 * An agent, installed as an administrator would (settings file, secret files readable by nobody else) and run as a
 * process of its own.
 */
import type { ChildProcess } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Times } from '../shared/times.ts'
import { end, spawnNode } from './process.ts'

export interface AgentInstallation {
  /** Its own folder: settings, secrets, journal. */
  folder: string
  name: string
  tenantId: string
  clientId: string
  clientSecret: string
  authority: string
  vaultUrl: string
  busConnectionString: string
  transport: 'websockets' | 'tcp'
  directory: { server: string; domain: string; baseDn: string; bindDn: string; bindPassword: string; address: string; ca: string }
  ca: string
  times: Times
}

export async function installAgent(of: AgentInstallation): Promise<string> {
  const { folder, directory } = of
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, text, { mode: 0o600 })
    await chmod(path, 0o600)
    return path
  }
  const settings = {
    tenantId: of.tenantId,
    relay: { connectionStringFile: await file('service-bus', of.busConnectionString), transport: of.transport },
    vault: { url: of.vaultUrl },
    identity: { clientId: of.clientId, secretFile: await file('client-secret', of.clientSecret), authority: of.authority },
    directory: {
      servers: [`ldaps://${directory.server}`],
      domain: directory.domain,
      baseDn: directory.baseDn,
      bindDn: directory.bindDn,
      bindPasswordFile: await file('bind-password', directory.bindPassword),
      caFile: await file('directory-ca.pem', directory.ca),
      addresses: { [directory.server]: directory.address },
    },
    localCaFile: await file('ca.pem', of.ca),
    journalFile: join(folder, 'journal.sqlite'),
    times: of.times,
  }
  return file('agent.json', JSON.stringify(settings, null, 2))
}

export interface AgentProcess {
  name: string
  pid: number
  /** Resolves with the first structured event of this name from now on, or among those already written. */
  event(name: string, matches?: (fields: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>
  kill(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  /** Asks it to stop; resolves with its exit code. */
  stop(): Promise<number | undefined>
  exited: Promise<number | null>
}

export function runAgent(name: string, settingsFile: string, logFolder: string): AgentProcess {
  const args = ['--settings', settingsFile]
  const child = spawnNode('agent/main.ts', args, name, { logFolder }, [new URL('./with-parent.ts', import.meta.url).href])
  const events: Record<string, unknown>[] = []
  const listeners = new Set<() => void>()
  createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> }).on('line', (line) => {
    if (!line.startsWith('{')) return
    events.push(JSON.parse(line))
    for (const listener of listeners) listener()
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  return {
    name,
    pid: child.pid ?? 0,
    exited,
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
