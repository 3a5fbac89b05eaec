/**
 * What every test of the contract works with: one domain, whoever serves it, seen with the unmodified client (ldapts) and with
 * the product's own (agent/directory).
 *
 * Both servers are told to make users and to change policy by control methods of the same names. Every test makes its own
 * users, so that tests do not meet; the policy is put back after each change.
 */
import { Client, type Entry, EqualityFilter, type SearchOptions } from 'ldapts'
import type { Directory, User } from '../../../agent/directory/directory.ts'
import { type OneDomain, openOneDomain } from '../../../agent/directory/one-domain.fixture.ts'
import type { PolicyChange } from '../../../local/directory/control.ts'
import type { SampleForest, SampleUser, UserSpec } from '../../../local/directory/seed.ts'
import { outcome } from '../../../local/directory/testing.ts'
import type { SambaControl, UserFacts } from '../../../local/samba/control.ts'
import type { Power } from '../../../local/stand-in.ts'
import { systemClock } from '../../../shared/clock.ts'
import { Secret } from '../../../shared/secret.ts'

type Either<F> = F extends (...args: infer A) => infer R ? (...args: A) => Awaited<R> | Promise<Awaited<R>> : never
type Shared =
  | 'addUser'
  | 'user'
  | 'setAttributes'
  | 'verifyPassword'
  | 'setPolicy'
  | 'grant'
  | 'revoke'
  | 'blockInheritance'
  | 'allowReading'
  | 'writes'
  | keyof Power

/** A domain controller with the sample forest inside. */
export interface Subject {
  addresses: { ldaps: string }
  ca: string
  forest: SampleForest
  control: { [M in Shared]: Either<(SambaControl & Power)[M]> }
  close(): Promise<void>
}

export const first = 'Start!Pass2026'
export const fresh = 'Quite-Different-77'
export const nothing = { unlock: false, mustChange: false }
export const always = () => true

export const samplePolicy = {
  minPwdLength: 10,
  pwdHistoryLength: 5,
  complexity: true,
  minPwdAgeMs: 0,
  maxPwdAgeMs: 42 * 86_400_000,
  lockoutThreshold: 10,
} satisfies PolicyChange

export interface Bench {
  readonly subject: Subject
  readonly forest: SampleForest
  /** The product's client, bound as the service account. */
  readonly directory: Directory
  /** A user with the password `first`. */
  newUser(spec?: Partial<UserSpec>): Promise<UserFacts>
  sample(sam: string): SampleUser
  client(): Client
  service(): Promise<Client>
  administrator(): Promise<Client>
  /** `0` or the code with its digits; the connection is ended. */
  bind(name: string, password: string): Promise<string>
  /** Another of the product's clients, which knows nothing yet. */
  open(changes?: Partial<OneDomain>): Directory
  find(immutableId: string, directory?: Directory): Promise<User>
  withPolicy<T>(change: PolicyChange, work: () => Promise<T>): Promise<T>
  lockByGuessing(name: string): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

export function makeBench(startSubject: () => Promise<Subject>): Bench {
  const clients: Client[] = []
  const directories: Directory[] = []
  const bound = new Map<string, Promise<Client>>()
  let started: { subject: Subject; directory: Directory } | undefined
  let users = 0
  const present = () => {
    if (started === undefined) throw new Error('the contract has no subject yet')
    return started
  }
  const boundOnce = ({ dn, password }: { dn: string; password: string }) => {
    const connect = async () => {
      const client = bench.client()
      await client.bind(dn, password)
      return client
    }
    const known = bound.get(dn) ?? connect()
    bound.set(dn, known)
    return known
  }
  const bench: Bench = {
    get subject() {
      return present().subject
    },
    get forest() {
      return present().subject.forest
    },
    get directory() {
      return present().directory
    },
    newUser: async (spec = {}) => bench.subject.control.addUser({ sam: `person${++users}`, password: first, ...spec }),
    sample: (sam) => oneOf(bench.forest.users, sam),
    client() {
      const { addresses, ca, forest } = bench.subject
      const client = new Client({ url: addresses.ldaps, tlsOptions: { ca, servername: forest.hostName } })
      clients.push(client)
      return client
    },
    service: () => boundOnce(bench.forest.serviceAccount),
    administrator: () => boundOnce(bench.forest.administrator),
    bind: (name, password) => outcome(bench.client().bind(name, password)),
    open(changes = {}) {
      const directory = openOneDomain({ ...settingsOf(bench.subject), ...changes }, { clock: systemClock, log: () => undefined })
      directories.push(directory)
      return directory
    },
    async find(immutableId, directory = bench.directory) {
      const located = await directory.locate(immutableId)
      if (located.kind !== 'user') throw new Error(located.kind)
      return located.user
    },
    async withPolicy(change, work) {
      await bench.subject.control.setPolicy(change)
      try {
        return await work()
      } finally {
        await bench.subject.control.setPolicy(samplePolicy)
      }
    },
    async lockByGuessing(name) {
      for (let guess = 0; guess < samplePolicy.lockoutThreshold; guess++) await bench.bind(name, `Wrong!Guess-${guess}`)
    },
    async start() {
      const subject = await startSubject()
      started = { subject, directory: openOneDomain(settingsOf(subject), { clock: systemClock, log: () => undefined }) }
      directories.push(started.directory)
    },
    async close() {
      for (const directory of directories) directory.close()
      await Promise.all(clients.map((client) => client.unbind()))
      await started?.subject.close()
    },
  }
  return bench
}

function oneOf(users: readonly SampleUser[], sam: string): SampleUser {
  const user = users.find((each) => each.sam === sam)
  if (user === undefined) throw new Error('no such sample user')
  return user
}

const settingsOf = ({ addresses, ca, forest }: Subject): OneDomain => ({
  servers: [`ldaps://${forest.hostName}`],
  addresses: { [forest.hostName]: new URL(addresses.ldaps).host },
  ca,
  bindDn: forest.serviceAccount.dn,
  bindPassword: Secret.fromText(forest.serviceAccount.password),
  baseDn: forest.baseDn,
  ldapMs: 8000,
  domain: forest.hostName.split('.').slice(1).join('.'),
})

/** Entries with the named attributes as bytes. */
export async function read(client: Client, base: string, options: SearchOptions, ...attributes: string[]): Promise<Entry[]> {
  return (await client.search(base, { ...options, attributes, explicitBufferAttributes: attributes })).searchEntries
}

/** All values of one attribute of one entry. */
export async function valuesOf(client: Client, base: string, attribute: string): Promise<Buffer[]> {
  const [entry] = await read(client, base, { scope: 'base' }, attribute)
  return [entry?.[attribute] ?? []].flat().map((value) => Buffer.from(value))
}

export const equal = (attribute: string, value: string | Buffer) =>
  ({ scope: 'sub', filter: new EqualityFilter({ attribute, value: value as string }) }) as const

/** The LDAP code alone: where the servers differ in what they write before the text. */
export const codeOf = async (work: Promise<unknown>): Promise<string> => (await outcome(work)).replace(/ .*/, '')
