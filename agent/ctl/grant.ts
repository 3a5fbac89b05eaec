/**
 * `agentctl grant`: gives a service account exactly the four permissions on a domain head or unit, inherited by the users below.
 *
 * Without --apply it prints how; with it, it does it over LDAPS, by adding to the list what is missing and nothing else. Doing
 * it twice changes nothing; --revoke takes exactly these entries away. A list is read and written in two steps, and Active
 * Directory cannot make them one: nobody else should edit the same object's permissions meanwhile.
 */
import { parseArgs } from 'node:util'
import type { Connection } from '../directory/connection.ts'
import { type ConnectionChoice, connect, connectionOptions, connectionUsage } from './connect.ts'
import { fourEntries, policyEntry } from './four-rights.ts'
import { applyTo } from './grant-apply.ts'
import { dsacls, powerShell, sddl } from './instructions.ts'
import { type Account, accountAsGiven, findAccount, findPlace, type Place, placeAsGiven, policyContainer } from './principal.ts'
import { exitCodes, type Io, UsageError } from './program.ts'

const usage = `agentctl grant --account NAME --on DN [options]

Shows how to give an account the four permissions that password writeback needs, by dsacls, by PowerShell and as SDDL; or
gives them. They are put on the object --on names and inherited by the users below: Reset Password, Change Password,
Write lockoutTime, Write pwdLastSet.

  --account NAME         the service account: DN, sAMAccountName or SID
  --on DN                organizational unit, container or domain head
  --fine-grained-policies
                         also Read on the Password Settings Container, so that the agent can name the rule
  --revoke               take these permissions away, and no others
  --apply                do it, over LDAPS
  --dry-run              with --apply: show what would change
  --help                 this text

With --apply, or to look the account up:

${connectionUsage}
`

const options = {
  ...connectionOptions,
  account: { type: 'string' },
  on: { type: 'string' },
  'fine-grained-policies': { type: 'boolean' },
  revoke: { type: 'boolean' },
  apply: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  help: { type: 'boolean' },
} as const

interface Choice extends ConnectionChoice {
  account: string
  on: string
  policies: boolean
  revoke: boolean
  apply: boolean
  dryRun: boolean
}

export async function run(args: readonly string[], io: Io): Promise<number> {
  const choice = readArguments(args)
  if (choice === 'help') {
    io.print(usage)
    return exitCodes.done
  }
  const names = [choice.server, choice['bind-dn'], choice.apply || undefined]
  if (names.every((each) => each === undefined)) {
    printInstructions(accountAsGiven(choice.account), placeAsGiven(choice.on), choice, io)
    return exitCodes.done
  }
  const connection = await connect(choice)
  try {
    return await overConnection(connection, choice, io)
  } finally {
    connection.reset()
  }
}

async function overConnection(connection: Connection, choice: Choice, io: Io): Promise<number> {
  const account = await findAccount(connection, choice.account)
  const place = await findPlace(connection, choice.on)
  if (!choice.apply) {
    printInstructions(account, place, choice, io)
    return exitCodes.done
  }
  const targets = [
    { dn: place.dn, entries: fourEntries(account.sid) },
    ...(choice.policies ? [{ dn: policyContainer(place), entries: [policyEntry(account.sid)] }] : []),
  ]
  for (const target of targets) {
    const code = await applyTo(connection, { ...target, sid: account.sid, ...choice }, io)
    if (code !== exitCodes.done) return code
  }
  return exitCodes.done
}

function printInstructions(account: Account, place: Place, { policies, revoke }: Choice, io: Io): void {
  const change = { account, place, revoke, policies: policies ? policyContainer(place) : undefined }
  const nobody = Buffer.from('010100000000000000000000', 'hex') // S-1-0-0: only the text of the entries is used here
  const sid = account.sid ?? nobody
  const section = (title: string, lines: readonly string[]) => io.print(`${title}\n\n${lines.map((line) => `  ${line}`).join('\n')}\n`)
  section('dsacls, in a command prompt', dsacls(change))
  section('or PowerShell, with the module ActiveDirectory', powerShell(change))
  const where = revoke ? 'or these entries (SDDL) out of the list of' : 'or these entries (SDDL) into the list of'
  section(`${where} ${place.dn}`, sddl(account, fourEntries(sid)))
  if (change.policies !== undefined) section(`${where} ${change.policies}`, sddl(account, [policyEntry(sid)]))
}

function readArguments(args: readonly string[]): Choice | 'help' {
  const values = parsed(args)
  if (values.help) return 'help'
  const { account, on } = values
  if (account === undefined || on === undefined) throw new UsageError('--account and --on are needed (agentctl grant --help)')
  for (const [name, text] of Object.entries({ account, on })) {
    // They become part of commands.
    if (text.trim() === '' || /\p{Cc}/u.test(text)) throw new UsageError(`--${name} is empty or holds control characters`)
  }
  if (!account.includes('=') && /["/[\]:;|,+*?<>%^&]/.test(account)) throw new UsageError('--account: no account can have this name')
  if (!/^\s*(OU|CN|DC)=/i.test(on) || placeAsGiven(on).domainHead === '') throw new UsageError('--on must be a DN that ends with DC=…')
  if (values['dry-run'] && !values.apply) throw new UsageError('--dry-run belongs to --apply')
  const { revoke = false, apply = false, 'dry-run': dryRun = false, 'fine-grained-policies': policies = false } = values
  return { ...values, account, on, policies, revoke, apply, dryRun }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch {
    throw new UsageError('an option is not known or lacks its value (agentctl grant --help)')
  }
}
