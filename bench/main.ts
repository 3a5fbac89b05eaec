/** `npm run bench -- …`: each subcommand is a file beside this one. The last line is one JSON object with `--json`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type System, type SystemOptions, startSystem } from '../local/system.ts'
import { agentBench } from './agent.ts'
import { e2e, warmUps } from './e2e.ts'

const usage = `npm run bench -- e2e [--directory embedded|samba] [--samples N] [--json]
npm run bench -- agent [--samples N] [--idle SECONDS] [--json]

  e2e     a bare LDAP reset against the whole way from the HTTP submit to its answer, interleaved: read the ratio
  agent   memory after N resets (default 100), processor time over SECONDS idle (default 120), start to first heartbeat
`

const print = (line: string) => void process.stdout.write(`${line}\n`)
process.exitCode = await main()

async function main(): Promise<number> {
  const options = readArguments()
  if (options === undefined) {
    print(usage)
    return 64
  }
  const { command, samples, directory, idleSeconds, json } = options
  const progress = json ? () => {} : print
  const extraUsers = 2 * (samples + warmUps)
  const result = await onSystem({ extraUsers, directory, bundled: true }, async (system) =>
    command === 'e2e' ? e2e(system, samples, directory, progress) : agentBench(system, { resets: samples, idleSeconds }, progress),
  )
  print(json ? JSON.stringify(result) : JSON.stringify(result, null, 2))
  return 0
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

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        samples: { type: 'string' },
        idle: { type: 'string' },
        directory: { type: 'string', default: 'embedded' },
        json: { type: 'boolean', default: false },
      },
    })
    const [command] = positionals
    const { directory, json } = values
    const samples = Number(values.samples ?? 100)
    const idleSeconds = Number(values.idle ?? 120)
    if (command !== 'e2e' && command !== 'agent') return undefined
    if (directory !== 'embedded' && directory !== 'samba') return undefined
    if (!(samples > 0) || !(idleSeconds > 0)) return undefined
    return { command, samples, directory, idleSeconds, json } as const
  } catch {
    return undefined
  }
}
