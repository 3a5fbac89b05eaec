/**
 * For the tests of this folder: a directory behind a real certificate, and the unmodified client that the agent uses.
 *
 * Every test makes its own users, so that tests do not meet; every client is ended with the directory.
 */
import { Attribute, BerWriter, Change, Client, Control, ResultCodeError } from 'ldapts'
import type { Clock } from '../../shared/clock.ts'
import { systemClock } from '../../shared/clock.ts'
import { makeAuthority } from '../ca.ts'
import { type Directory, type DirectoryOptions, startDirectory } from './directory.ts'

export interface Bench {
  directory: Directory
  client(url?: string): Client
  bound(name: string, password: string): Promise<Client>
  asAdministrator(): Promise<Client>
  asService(): Promise<Client>
  close(): Promise<void>
}

export async function startBench(options: Partial<DirectoryOptions> = {}): Promise<Bench> {
  const authority = await makeAuthority()
  const tls = await authority.issue({
    commonName: 'dc1.corp.example.test',
    dnsNames: ['dc1.corp.example.test'],
    ipAddresses: ['127.0.0.1'],
  })
  const directory = await startDirectory({ tls, ...options })
  const clients: Client[] = []
  const client = (url = directory.addresses.ldaps) => {
    const tlsOptions = url.startsWith('ldaps:') ? { tlsOptions: { ca: authority.ca, servername: 'dc1.corp.example.test' } } : {}
    const made = new Client({ url, ...tlsOptions })
    clients.push(made)
    return made
  }
  const bound = async (name: string, password: string) => {
    const made = client()
    await made.bind(name, password)
    return made
  }
  const { administrator, serviceAccount } = directory.forest
  return {
    directory,
    client,
    bound,
    asAdministrator: () => bound(administrator.dn, administrator.password),
    asService: () => bound(serviceAccount.dn, serviceAccount.password),
    async close() {
      await Promise.all(clients.map((made) => made.unbind()))
      await directory.close()
    },
  }
}

/** A clock that only moves when told. Its timers are the system's: nothing here waits. */
export function manualClock(startMs: number): Clock & { advance(ms: number): void } {
  let nowMs = startMs
  return {
    ...systemClock,
    now: () => nowMs,
    advance(ms) {
      nowMs += ms
    },
  }
}

export const quoted = (password: string): Buffer => Buffer.from(`"${password}"`, 'utf16le')

export const change = (operation: 'add' | 'delete' | 'replace', type: string, ...values: (string | Buffer)[]): Change =>
  new Change({ operation, modification: new Attribute({ type, values: values as string[] }) })

export const reset = (password: string): Change[] => [change('replace', 'unicodePwd', quoted(password))]

export const changeOf = (oldPassword: string, password: string): Change[] => [
  change('delete', 'unicodePwd', quoted(oldPassword)),
  change('add', 'unicodePwd', quoted(password)),
]

/** LDAP_SERVER_POLICY_HINTS: SEQUENCE { INTEGER flags } ([MS-ADTS] 3.1.1.3.4.1). */
export class PolicyHints extends Control {
  constructor(oid = '1.2.840.113556.1.4.2239') {
    super(oid, { critical: true })
  }

  override writeControl(writer: BerWriter): void {
    const value = new BerWriter()
    value.startSequence()
    value.writeInt(1)
    value.endSequence()
    writer.writeBuffer(value.buffer, 0x04)
  }
}

/** `0` for success, else the LDAP code and the Windows error or bind data: `53 0000052D`, `49 52e`. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return '0'
  } catch (error) {
    if (!(error instanceof ResultCodeError)) throw error
    const detail = /data ([0-9a-f]{3}),/.exec(error.message)?.[1] ?? /^[0-9A-F]{8}/.exec(error.message)?.[0]
    return detail === undefined ? String(error.code) : `${error.code} ${detail}`
  }
}
