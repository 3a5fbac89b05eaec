/**
 * `npm start`: the whole product on this machine, one real reset before your eyes, then it stays up until Ctrl-C.
 *
 * Exit codes: 0 after --once if the new password was proven by a bind, and after Ctrl-C; 1 if something failed; 64 wrong usage.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { adminEnvironment } from './app.ts'
import { showReset } from './show-reset.ts'
import { startSystem } from './system.ts'
import type { System } from './what-runs.ts'

const usage = `npm start -- [options]

  --once         end after the reset; exit code 0 only if the new password works
  --agents N     how many agents to run (1 to 4, default 1)
  --bundled      run what npm run build makes instead of the sources
  --directory D  embedded (default), or samba: a real domain controller (npm run samba -- install)
  --sas          agents sign in by SAS key and client secret instead of certificate and token
  --tcp          agents speak AMQP over TCP instead of WebSockets
  --help         this text

Everything listens on 127.0.0.1 only and forgets everything when it ends. Ports that are taken: the next free ones.
`

const print = (line: string) => void process.stdout.write(`${line}\n`)
process.exitCode = await main()

async function main(): Promise<number> {
  const options = readArguments()
  if (options === undefined) return 64
  if (options.help) {
    print(usage)
    return 0
  }
  // Before anything is started, so that Ctrl-C at any time ends what was.
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('interrupted'))
  })
  const folder = await mkdtemp(join(tmpdir(), 'password-writeback-'))
  print('Starting, each part a process of its own:')
  const ports = { http: 7071, mail: 7080 }
  const transport = options.tcp ? 'tcp' : 'websockets'
  const starting = startSystem({
    folder,
    agents: options.agents,
    transport,
    bundled: options.bundled,
    identity: options.sas ? 'sas' : 'certificate',
    directory: options.directory,
    ports,
    progress: (line) => print(`  ${line}`),
  })
  try {
    const shown = starting.then(async (system) => {
      await showReset(system, print)
      if (!options.once) printAddresses(system)
    })
    const ended = await Promise.race([options.once ? shown : shown.then(() => interrupted), interrupted])
    if (ended === 'interrupted') print('\nStopping …')
    await stop(starting)
    await rm(folder, { recursive: true, force: true })
    return options.once && ended === 'interrupted' ? 1 : 0
  } catch (error) {
    await stop(starting)
    print(`\nFailed: ${error instanceof Error ? error.message : String(error)}`)
    print(`The logs of every process are in ${join(folder, 'logs')}`)
    return 1
  }
}

/** Also one that is still starting; one that failed to start has cleaned up behind itself. */
async function stop(starting: Promise<System>): Promise<void> {
  const system = await starting.catch(() => undefined)
  await system?.close()
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        once: { type: 'boolean' },
        tcp: { type: 'boolean' },
        sas: { type: 'boolean' },
        bundled: { type: 'boolean' },
        help: { type: 'boolean' },
        agents: { type: 'string', default: '1' },
        directory: { type: 'string', default: 'embedded' },
      },
    })
    const agents = Number(values.agents)
    if (!(Number.isInteger(agents) && agents >= 1 && agents <= 4)) throw new Error('--agents takes a number from 1 to 4')
    const { once = false, tcp = false, sas = false, bundled = false, help = false, directory } = values
    if (directory !== 'embedded' && directory !== 'samba') throw new Error('--directory takes embedded or samba')
    return { once, tcp, sas, bundled, help, agents, directory } as const
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return undefined
  }
}

function printAddresses(system: System): void {
  const { url, parts, forest, folder, directory, administration } = system
  const connection = Object.entries(adminEnvironment(system)).map(([name, value]) => `${name}=${value}`)
  print(`
Try it yourself:
  the page         ${url}/api/reset
  API              ${url}/api/reset        (POST {"username": "${forest.users[1]?.upn}"}; then challenge, verify, password)
  status           ${url}/api/status
  mail that was sent  ${parts.mail.addresses.page}
  directory        ${directory.url}
  logs             ${join(folder, 'logs')}

As an administrator, in another terminal (the browser warns of the page's certificate, which is this system's own):
  export ${connection.join(' ')}
  npm run admin -- status           sign in as ${administration.people[0]?.name}; as ${administration.people[1]?.name} most is refused

Ctrl-C stops everything.`)
}
