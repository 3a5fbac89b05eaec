/**
 * `agentctl`: what an administrator runs by hand beside the agent. A table of subcommands and the one catch.
 *
 * Exit codes: 0 all right; 1 failed, or something wrong was found; 64 wrong usage. The service never loads any of this.
 */
import { debuglog } from 'node:util'
import packageJson from '../../package.json' with { type: 'json' }
import { explain } from './explain.ts'
import { exitCodes, type Io, type Subcommand, UsageError } from './program.ts'

const subcommands: readonly Subcommand[] = [
  {
    name: 'configure',
    summary: 'set up an agent page by page, from nothing to "password writeback is on"',
    load: () => import('./configure.ts'),
  },
  { name: 'enrol', summary: 'make the certificate this agent signs in with, and have it registered', load: () => import('./enrol.ts') },
  { name: 'grant', summary: 'give the service account its permissions in Active Directory, or show how', load: () => import('./grant.ts') },
  { name: 'doctor', summary: 'check what an agent needs, or whether a reset would work for one person', load: () => import('./doctor.ts') },
  { name: 'sas', summary: "change the keys of this agent's SAS rule, one after the other", load: () => import('./sas.ts') },
  {
    name: 'scope',
    summary: 'report who is in scope of the synchronization rules, and who is not and why',
    load: () => import('./scope.ts'),
  },
]

const usage = `password-writeback agentctl ${packageJson.version}

  agentctl <subcommand> [options]

${subcommands.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join('\n')}

  agentctl <subcommand> --help   its options
  --help                         this text
`

const io: Io = {
  print: (text) => void process.stdout.write(`${text}\n`),
  complain: (text) => void process.stderr.write(`${text}\n`),
  colour: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  const subcommand = subcommands.find((each) => each.name === name)
  if (subcommand === undefined) {
    io.print(usage)
    return name === '--help' ? exitCodes.done : exitCodes.usage
  }
  // ldapts' debug output contains passwords and names.
  if (debuglog('ldapts').enabled) throw new UsageError('NODE_DEBUG would print passwords; remove it')
  const { run } = await subcommand.load()
  return run(args, io)
}

function report(error: unknown): number {
  io.complain(error instanceof UsageError ? error.message : `Failed: ${explain(error)}`)
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failed
}

// What ships is CommonJS, which has no top-level await. Should nothing be left that could wake `main`, that is a failure.
process.exitCode = exitCodes.failed
void main(process.argv.slice(2))
  .catch(report)
  .then((code) => {
    process.exitCode = code
  })
