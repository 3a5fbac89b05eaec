/**
 * One forest on the bench, whoever serves it: who and what is in it, and everything that an administrator can do to it.
 *
 * What LDAP can do is done through LDAP by the administrator, with the same code for both kinds; the rest by control methods
 * of the same names.
 */
import { Attribute, Change, Client, type Entry } from 'ldapts'
import type { AttributeTexts, PolicyChange } from '../../../local/directory/control.ts'
import { escapeValue, formatDn, parseDn } from '../../../local/directory/dn.ts'
import { interval } from '../../../local/directory/identifiers.ts'
import type { SampleUser, Trait } from '../../../local/directory/seed.ts'
import { outcome } from '../../../local/directory/testing.ts'
import type { UserFacts } from '../../../local/samba/control.ts'
import { first, type Subject, samplePolicy } from './bench.ts'

/** A fine-grained policy (PSO): the domain's own rules where nothing else is said. */
export interface FineGrained {
  precedence?: number
  minLength?: number
  complexity?: boolean
  historyLength?: number
  minAgeMs?: number
  lockoutThreshold?: number
}

export interface NewPerson {
  name?: string
  displayName?: string
  password?: string
  traits?: Trait[]
}

export interface Lab {
  readonly subject: Subject
  readonly baseDn: string
  readonly hostName: string
  /** `ldaps://address:port` */
  readonly url: string
  readonly ca: string
  readonly serviceAccount: Subject['forest']['serviceAccount']
  readonly people: readonly SampleUser[]
  /** Of the administrator and of the service account: bound, and bound again after a stop. */
  readonly administrator: Client
  readonly service: Client
  person(spec?: NewPerson): Promise<UserFacts>
  facts(name: string): Promise<UserFacts>
  /** `0`, or the LDAP code and its digits. */
  bind(name: string, password: string): Promise<string>
  lockByGuessing(name: string): Promise<void>
  /** To another container; resolves with the new DN. */
  move(dn: string, container: string): Promise<string>
  /** Another common name in the same place; resolves with the new DN. */
  rename(dn: string, name: string): Promise<string>
  remove(dn: string): Promise<void>
  /** Deletes the account and makes another one with the same names: a new objectGUID, and the password `first`. */
  recreate(dn: string): Promise<UserFacts>
  /** mS-DS-ConsistencyGuid in base64; null takes it away. */
  setAnchor(dn: string, anchor: string | null): Promise<void>
  set(dn: string, values: AttributeTexts): Promise<void>
  /** Resolves with the group's DN. */
  newGroup(name: string): Promise<string>
  newUnit(name: string, container?: string): Promise<string>
  addToGroup(group: string, dn: string): Promise<void>
  /** By its RID: 513 Domain Users, 512 Domain Admins. The account must be a member already. */
  setPrimaryGroup(dn: string, rid: number): Promise<void>
  /** "Disable inheritance", and what was inherited removed. */
  blockInheritance(dn: string): Promise<void>
  /** Applies to a user or a group; resolves with the DN of the policy object. */
  finePolicy(appliesTo: string, rules: FineGrained): Promise<string>
  /** Lets the service account read it. */
  letRead(dn: string): Promise<void>
  /** The domain's, until `restorePolicy`. */
  setPolicy(change: PolicyChange): Promise<void>
  restorePolicy(): Promise<void>
  /** The domain controller goes away, and comes back with what it had. */
  stop(): Promise<void>
  start(): Promise<void>
  read(dn: string, ...attributes: string[]): Promise<Entry>
  close(): Promise<void>
}

let persons = 0
let objects = 0

export async function openLab(subject: Subject): Promise<Lab> {
  const { addresses, ca, forest, control } = subject
  const { baseDn, hostName, serviceAccount } = forest
  const tlsOptions = { ca, servername: hostName }
  const boundAs = async ({ dn, password }: { dn: string; password: string }) => {
    const client = new Client({ url: addresses.ldaps, tlsOptions, autoRebind: true })
    await client.bind(dn, password)
    return client
  }
  const [administrator, service] = await Promise.all([boundAs(forest.administrator), boundAs(serviceAccount)])
  const moveTo = async (dn: string, to: string) => {
    await administrator.modifyDN(dn, to)
    return to
  }
  const bind = async (name: string, password: string) => {
    const client = new Client({ url: addresses.ldaps, tlsOptions })
    try {
      return await outcome(client.bind(name, password))
    } finally {
      await client.unbind()
    }
  }
  return {
    subject,
    baseDn,
    hostName,
    url: addresses.ldaps,
    ca,
    serviceAccount,
    people: forest.users,
    administrator,
    service,
    ...placing(subject, administrator),
    bind,
    facts: async (name) => control.user(name),
    async lockByGuessing(name) {
      for (let guess = 0; guess < samplePolicy.lockoutThreshold; guess++) await bind(name, `Wrong!Guess-${guess}`)
    },
    move: (dn, container) => moveTo(dn, `${ownName(dn)},${container}`),
    rename: (dn, name) => moveTo(dn, `CN=${escapeValue(name)},${parentOf(dn)}`),
    async setAnchor(dn, anchor) {
      await control.setAttributes(dn, { 'mS-DS-ConsistencyGuid': anchor })
    },
    async set(dn, values) {
      await control.setAttributes(dn, values)
    },
    async setPrimaryGroup(dn, rid) {
      await control.setAttributes(dn, { primaryGroupID: String(rid) })
    },
    async blockInheritance(dn) {
      await control.blockInheritance(dn)
    },
    async letRead(dn) {
      await control.allowReading(serviceAccount.dn, dn)
    },
    async setPolicy(change) {
      await control.setPolicy(change)
    },
    async restorePolicy() {
      await control.setPolicy(samplePolicy)
    },
    async stop() {
      await control.stop()
    },
    async start() {
      await control.start()
    },
    async read(dn, ...attributes) {
      const { searchEntries } = await administrator.search(dn, { scope: 'base', attributes })
      if (searchEntries[0] === undefined) throw new Error('no entry of this name')
      return searchEntries[0]
    },
    async close() {
      await Promise.all([administrator.unbind(), service.unbind()])
      await subject.close()
    },
  }
}

const ownName = (dn: string): string => formatDn((parseDn(dn) ?? []).slice(0, 1))
const parentOf = (dn: string): string => formatDn((parseDn(dn) ?? []).slice(1))

/** What makes entries and takes them away. */
function placing({ control, forest: { baseDn } }: Subject, administrator: Client) {
  const person = async (spec: NewPerson = {}) => {
    const sam = `lab${++persons}`
    // Its parts have three characters at most: no password of a test contains one by chance.
    return control.addUser({ sam, name: spec.name ?? `Lab ${persons}`, password: first, ...spec })
  }
  return {
    person,
    async remove(dn: string) {
      await administrator.del(dn)
    },
    async recreate(dn: string): Promise<UserFacts> {
      const { sam, displayName } = await control.user(dn)
      await administrator.del(dn)
      const name = parseDn(dn)?.[0]?.value ?? sam
      const made = await control.addUser({ sam, name, displayName, password: first })
      const container = parentOf(dn)
      if (made.dn.toLowerCase() === dn.toLowerCase()) return made
      await administrator.modifyDN(made.dn, `${ownName(dn)},${container}`)
      return control.user(sam)
    },
    async newGroup(name: string): Promise<string> {
      const dn = `CN=${escapeValue(name)},OU=Groups,${baseDn}`
      await administrator.add(dn, { objectClass: 'group', sAMAccountName: name })
      return dn
    },
    async newUnit(name: string, container = baseDn): Promise<string> {
      const dn = `OU=${escapeValue(name)},${container}`
      await administrator.add(dn, { objectClass: 'organizationalUnit' })
      return dn
    },
    async addToGroup(group: string, dn: string): Promise<void> {
      const modification = new Attribute({ type: 'member', values: [dn] })
      await administrator.modify(group, new Change({ operation: 'add', modification }))
    },
    async finePolicy(appliesTo: string, rules: FineGrained): Promise<string> {
      const dn = `CN=Policy ${++objects},CN=Password Settings Container,CN=System,${baseDn}`
      await administrator.add(dn, { objectClass: 'msDS-PasswordSettings', 'msDS-PSOAppliesTo': appliesTo, ...settingsOf(rules) })
      return dn
    },
  }
}

const settingsOf = (rules: FineGrained): Record<string, string> => ({
  'msDS-PasswordSettingsPrecedence': String(rules.precedence ?? 10),
  'msDS-MinimumPasswordLength': String(rules.minLength ?? samplePolicy.minPwdLength),
  'msDS-PasswordComplexityEnabled': (rules.complexity ?? samplePolicy.complexity) ? 'TRUE' : 'FALSE',
  'msDS-PasswordHistoryLength': String(rules.historyLength ?? samplePolicy.pwdHistoryLength),
  'msDS-MinimumPasswordAge': String(interval(rules.minAgeMs ?? samplePolicy.minPwdAgeMs)),
  'msDS-MaximumPasswordAge': String(interval(samplePolicy.maxPwdAgeMs)),
  'msDS-LockoutThreshold': String(rules.lockoutThreshold ?? samplePolicy.lockoutThreshold),
  'msDS-LockoutObservationWindow': String(interval(1_800_000)),
  'msDS-LockoutDuration': String(interval(1_800_000)),
  'msDS-PasswordReversibleEncryptionEnabled': 'FALSE',
})
