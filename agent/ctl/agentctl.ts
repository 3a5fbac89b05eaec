/** What `agentctl` can do: the table of subcommands, its help, and the way to the one that is asked for. */
import { debuglog } from 'node:util'
import packageJson from '../../package.json' with { type: 'json' }
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

/** Throws what the subcommand throws; UsageError is told by its message alone. */
export async function agentctl([name, ...args]: readonly string[], io: Io): Promise<number> {
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
