/** What one local system is made of, how it may be ordered, and what may be asked of it while it runs (system.ts). */
import type { IdentityName } from '../infra/topology.ts'
import type { Times } from '../shared/times.ts'
import type { AgentProcess } from './agent.ts'
import type { BindTarget } from './bind.ts'
import type { DirectoryKind, RunningDirectory } from './directories.ts'
import type { SampleForest } from './directory/seed.ts'
import type { Administration } from './entra/people.ts'
import type { Remote } from './process.ts'

export interface SystemOptions {
  /** Certificates, logs and the agents' own folders; made if missing. */
  folder: string
  agents?: number
  times?: Times
  transport?: 'websockets' | 'tcp'
  extraUsers?: number
  directory?: DirectoryKind
  /** 2: north beside corp, with people who are in both. 1 if absent. */
  forests?: 1 | 2
  /** How agents prove who they are to the bus and the vault: by certificate and token, or by SAS key and client secret. */
  identity?: 'certificate' | 'sas'
  /** How long ago the agents' certificates were made, which then are good for a year. */
  certificateAgeDays?: number
  /** What the first start of the deployment says; `on` if absent. */
  writeback?: 'on' | 'off'
  /** Application settings of the functions, beyond what follows from the stand-ins. */
  settings?: Record<string, string>
  /** How synchronized people sign in, unless their domain is federated: by password hash, or passed through (if absent). */
  passwordHashSync?: boolean
  /** Account names of people whose names in the cloud are in the federated domain. */
  federated?: readonly string[]
  /** The functions may set passwords in the cloud directory. */
  cloudPasswords?: boolean
  /** Functions and agents as they ship: bundled, with no node_modules beside them. */
  bundled?: boolean
  /** What agents are, if not the one that ships; and where it finds the directory, if not at its own address. */
  agentScript?: string
  agentsReach?(target: BindTarget): Promise<BindTarget>
  /** The stand-ins run in this process. Functions and agents are processes of their own always. */
  inside?: boolean
  /** First choice for what a person may want to open in a browser; any free ones if absent. */
  ports?: { http: number; mail: number }
  progress?(line: string): void
}

export type Parts = { [N in 'entra' | 'bus' | 'vault' | 'graph' | 'mail' | 'directory' | 'azurite' | 'host']: Remote<N> }

export interface System {
  folder: string
  url: string
  tenantId: string
  /** Who may sign in as an administrator, and through what. */
  administration: Administration
  forest: SampleForest
  directory: BindTarget
  /** Every forest that runs; `forest`, `directory` and `parts.directory` are the first. */
  forests: readonly RunningDirectory[]
  parts: Parts
  agents: AgentProcess[]
  /** Client ids of the applications that agents have, in the order in which agents are started. */
  agentIds: readonly string[]
  ca: string
  /** `Endpoint=…` for one identity, to speak to the bus as it would. */
  busConnectionString(identity: IdentityName, transport: 'websockets' | 'tcp'): string
  /** Installs (once) and runs one more agent. */
  startAgent(name?: string): Promise<AgentProcess>
  /** The same installation again (folder, identity, journal), as a supervisor would start it. */
  startAgain(name: string): Promise<AgentProcess>
  /** What the function app finds in its environment: whoever has the same is another instance of it. */
  functionsEnvironment: Record<string, string>
  /** The function app dies as in a crash; `comeBack` starts it again, at the same address. */
  killHost(): Promise<{ comeBack(): Promise<void> }>
  close(): Promise<void>
}
