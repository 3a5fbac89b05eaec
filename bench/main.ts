/** `npm run bench -- …`: each subcommand is a file beside this one. The last line is one JSON object with `--json`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DirectoryKind } from '../local/directories.ts'
import { type System, type SystemOptions, startSystem } from '../local/system.ts'
import { type AgentResult, agentBench } from './agent.ts'
import { type E2eResult, e2e, warmUps } from './e2e.ts'
import { fuzzBench } from './fuzz.ts'
import { scopeBench } from './scope.ts'

const usage = `npm run bench -- e2e [--directory embedded|samba] [--samples N] [--json]
npm run bench -- agent [--samples N] [--idle SECONDS] [--json]
npm run bench -- scope [--users N] [--json]
npm run bench -- fuzz [--envelopes N] [--seed N] [--json]

  e2e     a bare LDAP reset against the whole way from the HTTP submit to its answer, interleaved: read the ratio
  agent   memory after N resets (default 100), processor time over SECONDS idle (default 120), start to first heartbeat
  scope   agentctl scope over N people (default 100000) in an embedded directory: seconds, and the most memory it had
  fuzz    N envelopes (default 100000) that nobody should send, for one agent: exit code 1 if one was acted on or harmed it
`

const print = (line: string) => void process.stdout.write(`${line}\n`)
process.exitCode = await main()

async function main(): Promise<number> {
  const options = readArguments()
  if (options === undefined) {
    print(usage)
    return 64
  }
  const progress = options.json ? () => {} : print
  const { command } = options
  const result = await measure(command, options, progress)
  print(options.json ? JSON.stringify(result) : JSON.stringify(result, null, 2))
  return 'broken' in result && result.broken.length > 0 ? 1 : 0
}

function measure(command: Choice['command'], options: Choice, progress: (line: string) => void) {
  if (command === 'scope') return scopeBench(options.users, progress)
  if (command !== 'fuzz') return measureSystem({ ...options, command }, progress)
  return onSystem({ extraUsers: 40, bundled: true }, (system) => fuzzBench(system, options.envelopes, options.seed, progress))
}

function measureSystem(options: Choice & { command: 'e2e' | 'agent' }, progress: (line: string) => void) {
  const { command, samples, directory, idleSeconds } = options
  const extraUsers = 2 * (samples + warmUps)
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
  command: 'e2e' | 'agent' | 'scope' | 'fuzz'
  samples: number
  users: number
  envelopes: number
  seed: number
  directory: DirectoryKind
  idleSeconds: number
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
        envelopes: { type: 'string' },
        seed: { type: 'string' },
        directory: { type: 'string', default: 'embedded' },
        json: { type: 'boolean', default: false },
      },
    })
    const [command] = positionals
    const { directory, json } = values
    const samples = Number(values.samples ?? 100)
    const idleSeconds = Number(values.idle ?? 120)
    const users = Number(values.users ?? 100_000)
    const envelopes = Number(values.envelopes ?? 100_000)
    const seed = Number(values.seed ?? 1)
    if (command !== 'e2e' && command !== 'agent' && command !== 'scope' && command !== 'fuzz') return undefined
    if (directory !== 'embedded' && directory !== 'samba') return undefined
    if (!(samples > 0) || !(idleSeconds > 0) || !(users > 0)) return undefined
    if (!(envelopes > 0) || !Number.isSafeInteger(seed)) return undefined
    return { command, samples, users, envelopes, seed, directory, idleSeconds, json }
  } catch {
    return undefined
  }
}
