/**
 * A bind as an administrator, for the subcommands that need one: which options there are, and what becomes of them.
 *
 * LDAPS only, and the certificate is always checked for the server's name.
 */
import { readFileSync } from 'node:fs'
import type { ParseArgsOptionsConfig } from 'node:util'
import { systemClock } from '../../shared/clock.ts'
import { type Connection, type Endpoint, endpointOf, openConnection } from '../directory/connection.ts'
import { bindPassword } from './password.ts'
import { UsageError } from './program.ts'

export const connectionOptions = {
  server: { type: 'string' },
  'ca-file': { type: 'string' },
  address: { type: 'string', multiple: true },
  'bind-dn': { type: 'string' },
  'password-file': { type: 'string' },
} as const satisfies ParseArgsOptionsConfig

export const connectionUsage = `  --server URL           ldaps://host[:port]: a domain controller
  --ca-file FILE         PEM of the authority of its certificate; without it the machine's own count
  --address HOST=IP[:PORT]
                         where a host is that DNS does not know; may be repeated
  --bind-dn NAME         who to sign in as: DN, name@domain or DOMAIN\\name
  --password-file FILE   its password, in a file of its owner's alone; without it you are asked`

export interface ConnectionChoice {
  server?: string | undefined
  'ca-file'?: string | undefined
  address?: string[] | undefined
  'bind-dn'?: string | undefined
  'password-file'?: string | undefined
}

const limitMs = 8_000

/** The password is asked for last, when nothing else can be wrong with the command line. */
export async function connect(choice: ConnectionChoice): Promise<Connection> {
  if (choice.server === undefined || choice['bind-dn'] === undefined) throw new UsageError('--server and --bind-dn belong together')
  const endpoint = endpointFrom(choice.server, choice.address ?? [])
  const ca = authority(choice['ca-file'])
  using password = await bindPassword(choice['password-file'])
  // A simple bind with an empty password is an anonymous one, and succeeds (RFC 4513 section 5.1.2).
  if (password.use((bytes) => bytes.length) === 0) throw new UsageError('the password is empty')
  // Awaited here: the password is wiped when this block is left.
  return await openConnection(endpoint, { dn: choice['bind-dn'], password }, { clock: systemClock, ca, openMs: limitMs, ldapMs: limitMs })
}

function endpointFrom(server: string, addresses: readonly string[]): Endpoint {
  const pairs = addresses.map((each) => /^([^=]+)=(.+)$/.exec(each)?.slice(1, 3) ?? [])
  if (pairs.some(([host]) => host === undefined)) throw new UsageError('--address must be HOST=IP or HOST=IP:PORT')
  try {
    return endpointOf(server, Object.fromEntries(pairs))
  } catch {
    throw new UsageError('--server must be ldaps://host[:port], and --address HOST=IP[:PORT]')
  }
}

function authority(file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    const pem = readFileSync(file, 'utf8')
    if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem
  } catch {
    throw new UsageError('--ca-file: the file cannot be read')
  }
  throw new UsageError('--ca-file: the file holds no certificate in PEM')
}
