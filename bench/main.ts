/** `npm run bench -- …`: each subcommand is a file beside this one. The last line is one JSON object with `--json`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DirectoryKind } from '../local/directories.ts'
import { startSystem } from '../local/system.ts'
import type { System, SystemOptions } from '../local/what-runs.ts'
import { type AgentResult, agentBench } from './agent.ts'
import { type E2eResult, e2e, type Interleaved, warmUps } from './e2e.ts'
import { fuzzBench } from './fuzz.ts'
import { overload, peopleFor } from './overload.ts'
import { recoveryBench, recoveryFaults, recoveryUsers } from './recovery.ts'
import type { RecoveryFault } from './recovery-faults.ts'
import { rolloverBench, rolloverPeople } from './rollover.ts'
import { scopeBench } from './scope.ts'
import { sdks } from './sdks.ts'

const usage = `npm run bench -- e2e [--directory embedded|samba] [--samples N] [--json]
npm run bench -- sdks [--directory embedded|samba] [--samples N] [--json]
npm run bench -- agent [--samples N] [--idle SECONDS] [--json]
npm run bench -- scope [--users N] [--json]
npm run bench -- recovery [--only FAULT,FAULT] [--json]
npm run bench -- overload [--seconds S] [--write-ms MS] [--json]
npm run bench -- rollover [--json]
npm run bench -- fuzz [--envelopes N] [--seed N] [--json]

  e2e     a bare LDAP reset against the whole way from the HTTP submit to its answer, interleaved: read the ratio
  sdks    the same, but with two programs that only make the product's calls to the SDKs: what remains of e2e is the product's own
  agent   memory after N resets (default 100), processor time over SECONDS idle (default 120), start to first heartbeat
  scope   agentctl scope over N people (default 100000) in an embedded directory: seconds, and the most memory it had
  recovery  seconds from the end of each fault to the next successful reset; FAULT is one of
          ${recoveryFaults.join(', ')}
  overload  three times what an embedded directory takes, for S seconds (default 30), if a change takes it MS (default 150);
          ends with 1 if an answer contradicts the directory
  rollover  all keys rolled by the timer, by hand, and by switching off and on, under steady load with two agents: exit code 1
          if a reset failed, or a message went under a disabled version
  fuzz    N envelopes (default 100000) that nobody should send, for one agent: exit code 1 if one was acted on or harmed it
`

const commands = ['e2e', 'sdks', 'agent', 'scope', 'recovery', 'overload', 'rollover', 'fuzz'] as const

const print = (line: string) => void process.stdout.write(`${line}\n`)
process.exitCode = await main()

async function main(): Promise<number> {
  const options = readArguments()
  if (options === undefined) {
    print(usage)
    return 64
  }
  const progress = options.json ? () => {} : print
  const result = await measure(options, progress)
  print(options.json ? JSON.stringify(result) : JSON.stringify(result, null, 2))
  const contradicted = 'contradictions' in result && result.contradictions > 0
  return contradicted || ('broken' in result && result.broken.length > 0) ? 1 : 0
}

function measure(options: Choice, progress: (line: string) => void) {
  const { command, only } = options
  if (command === 'scope') return scopeBench(options.users, progress)
  if (command === 'recovery')
    return onSystem({ extraUsers: recoveryUsers(only), bundled: true }, (system) => recoveryBench(system, only, progress))
  if (command === 'overload')
    return onSystem({ extraUsers: peopleFor(options), bundled: true }, (system) => overload(system, options, progress))
  if (command === 'rollover')
    return onSystem({ agents: 2, extraUsers: rolloverPeople, bundled: true }, (system) => rolloverBench(system, progress))
  if (command === 'fuzz')
    return onSystem({ extraUsers: 40, bundled: true }, (system) => fuzzBench(system, options.envelopes, options.seed, progress))
  return measureSystem({ ...options, command }, progress)
}

function measureSystem(options: Choice & { command: 'e2e' | 'sdks' | 'agent' }, progress: (line: string) => void) {
  const { command, samples, directory, idleSeconds } = options
  const extraUsers = 2 * (samples + warmUps)
  if (command === 'sdks')
    return onSystem<Interleaved>({ extraUsers, directory, agents: 0, agentScript: 'bench/sdks-agent.ts' }, (system) =>
      sdks(system, samples, progress),
    )
  return onSystem<E2eResult | AgentResult>({ extraUsers, directory, bundled: true }, async (system) =>
    command === 'e2e' ? e2e(system, samples, directory, progress) : agentBench(system, { resets: samples, idleSeconds }, progress),
  )
}

async function onSystem<T>(options: Omit<SystemOptions, 'folder'>, work: (system: System) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'password-writeback-bench-'))
  const system = await startSystem({ folder, ...options })
  try {
    return await work(system)
  } finally {
    await system.close()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Choice {
  command: (typeof commands)[number]
  only: readonly RecoveryFault[]
  samples: number
  users: number
  envelopes: number
  seed: number
  directory: DirectoryKind
  idleSeconds: number
  /** Of an overload, and how long the directory takes for a change. */
  seconds: number
  writeMs: number
  json: boolean
}

function readArguments(): Choice | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        samples: { type: 'string' },
        idle: { type: 'string' },
        users: { type: 'string' },
        only: { type: 'string' },
        seconds: { type: 'string' },
        'write-ms': { type: 'string' },
        envelopes: { type: 'string' },
        seed: { type: 'string' },
        directory: { type: 'string', default: 'embedded' },
        json: { type: 'boolean', default: false },
      },
    })
    const { directory, json } = values
    const samples = Number(values.samples ?? 100)
    const idleSeconds = Number(values.idle ?? 120)
    const users = Number(values.users ?? 100_000)
    const seconds = Number(values.seconds ?? 30)
    const writeMs = Number(values['write-ms'] ?? 150)
    const envelopes = Number(values.envelopes ?? 100_000)
    const seed = Number(values.seed ?? 1)
    const command = commands.find((name) => name === positionals[0])
    if (command === undefined || (directory !== 'embedded' && directory !== 'samba')) return undefined
    const asked = values.only?.split(',')
    const only = recoveryFaults.filter((fault) => asked?.includes(fault) ?? true)
    if (only.length !== (asked ?? recoveryFaults).length) return undefined
    if ([samples, idleSeconds, users, seconds, writeMs, envelopes].some((count) => !(count > 0)) || !Number.isSafeInteger(seed))
      return undefined
    return { command, only, samples, users, envelopes, seed, directory, idleSeconds, seconds, writeMs, json }
  } catch {
    return undefined
  }
}
