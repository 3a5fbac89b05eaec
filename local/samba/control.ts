/**
 * What tests may look at and change, by the names `local/directory` gives it; done by the administrator over LDAPS.
 *
 * Faults, dropped connections, supported controls and password filters are the stand-in's alone: a real server cannot be
 * told to fail. What Samba does not let its administrator write is refused here as there.
 */
import { randomBytes } from 'node:crypto'
import { Client, InvalidCredentialsError } from 'ldapts'
import type { AttributeTexts, PolicyChange, userFacts } from '../directory/control.ts'
import type { DelegableRight } from '../directory/delegation.ts'
import { filetimeMs, guidText, interval } from '../directory/identifiers.ts'
import { complexityBit } from '../directory/policy.ts'
import { accountFlag, attributeKind } from '../directory/schema.ts'
import { describeUser, type SampleForest, type UserSpec } from '../directory/seed.ts'
import type { Administrator, Row, Target, Values } from './administrator.ts'
import { allowOnUsersBelow, allowReading, isAbout } from './descriptor.ts'
import { bytesOf, identifiersOf, placeUser, textOf } from './populate.ts'
import { passwordVersion } from './versions.ts'

export type UserFacts = ReturnType<typeof userFacts>
/** The same, as a type that is known to be JSON. */
type Plain<T> = { [K in keyof T]: Plain<T[K]> }

const factNames = [
  'objectGUID',
  'mS-DS-ConsistencyGuid',
  'distinguishedName',
  'sAMAccountName',
  'userPrincipalName',
  'displayName',
  'msDS-User-Account-Control-Computed',
  'badPwdCount',
  'pwdLastSet',
  'memberOf',
  'replPropertyMetaData',
]

/** The first password is the first version of `unicodePwd`. */
const writesOf = (row: Row) => passwordVersion(bytesOf(row, 'replPropertyMetaData') ?? Buffer.alloc(0)) - 1

function factsOf(row: Row): UserFacts {
  const pwdLastSet = BigInt(textOf(row, 'pwdLastSet') || 0)
  return {
    dn: textOf(row, 'distinguishedName'),
    ...identifiersOf(row),
    sam: textOf(row, 'sAMAccountName'),
    upn: textOf(row, 'userPrincipalName'),
    displayName: textOf(row, 'displayName'),
    locked: (Number(textOf(row, 'msDS-User-Account-Control-Computed')) & accountFlag.locked) !== 0,
    badPwdCount: Number(textOf(row, 'badPwdCount')),
    mustChange: pwdLastSet === 0n,
    pwdLastSetMs: pwdLastSet === 0n ? null : filetimeMs(pwdLastSet),
    memberOf: (row.get('memberof') ?? []).map(String),
    passwordWrites: writesOf(row),
  }
}

/** In the domain head's own words. Throws for what only the stand-in can do. */
function policyValues(change: PolicyChange): Values {
  const { bannedSubstrings, forgivesRecentPasswords } = change
  if (bannedSubstrings !== undefined || forgivesRecentPasswords !== undefined) throw new Error('only local/directory can be told this')
  const duration = (ms: number | null | undefined) => (ms === undefined ? undefined : interval(ms ?? Number.POSITIVE_INFINITY))
  return {
    minPwdLength: change.minPwdLength,
    pwdHistoryLength: change.pwdHistoryLength,
    pwdProperties: change.complexity === undefined ? undefined : change.complexity ? complexityBit : 0,
    minPwdAge: duration(change.minPwdAgeMs),
    maxPwdAge: duration(change.maxPwdAgeMs),
    lockoutThreshold: change.lockoutThreshold,
    lockOutObservationWindow: duration(change.lockoutWindowMs),
    lockoutDuration: duration(change.lockoutMs),
  }
}

/** Values as text; null removes; binary attributes in base64. */
function toValues(texts: AttributeTexts): Values {
  const encode = (name: string, value: string | number) =>
    attributeKind(name)?.syntax === 'binary' ? Buffer.from(String(value), 'base64') : value
  const list = (value: AttributeTexts[string]) => (value === null ? [] : Array.isArray(value) ? value : [value])
  return Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, list(value).map((one) => encode(name, one))]))
}

/** One bind, which counts when it is wrong. Data after "right password, but": 530 to 533, 701, 773. */
async function verifyPassword({ url, hostName, ca }: Target, dn: string, password: string): Promise<boolean> {
  const client = new Client({ url, tlsOptions: { ca, servername: hostName } })
  try {
    await client.bind(dn, password)
    return true
  } catch (error) {
    if (!(error instanceof InvalidCredentialsError)) throw error
    const data = /data ([0-9a-f]{3})/.exec(error.message)?.[1] ?? ''
    if (data === '775') throw new Error('the account is locked: a bind proves nothing')
    return ['530', '531', '532', '533', '701', '773'].includes(data)
  } finally {
    await client.unbind()
  }
}

export function sambaControl(administrator: Administrator, target: Target, forest: SampleForest) {
  const user = async (name: string) => factsOf(await administrator.read(name, factNames))
  const dnOf = async (name: string) => textOf(await administrator.read(name, ['distinguishedName']), 'distinguishedName')
  const sidOf = async (name: string) => bytesOf(await administrator.read(name, ['objectSid']), 'objectSid') ?? Buffer.alloc(8)
  const delegated = new Set([forest.serviceAccount.scope])
  return {
    /** Names, identifiers and first passwords of everybody in the sample. */
    forest: (): Plain<SampleForest> => forest,
    async addUser(spec: UserSpec & { password: string }): Promise<UserFacts> {
      const dns = forest.hostName.split('.').slice(1).join('.')
      const described = describeUser(spec, { baseDn: forest.baseDn, dns, random: randomBytes })
      await placeUser(administrator, forest.baseDn, described)
      return user(described.sam)
    },
    user,
    async setAttributes(name: string, values: AttributeTexts): Promise<undefined> {
      await administrator.replace(await dnOf(name), toValues(values))
    },
    verifyPassword: async (name: string, password: string): Promise<boolean> => verifyPassword(target, await dnOf(name), password),
    async setPolicy(change: PolicyChange): Promise<undefined> {
      await administrator.replace(forest.baseDn, policyValues(change))
    },
    async grant(trustee: string, container: string, rights: readonly DelegableRight[]): Promise<undefined> {
      const sid = await sidOf(trustee)
      delegated.add(container)
      const aces = rights.map((right) => allowOnUsersBelow(right, sid))
      await administrator.editAccess(container, (present) => [...aces, ...present])
    },
    /** Takes every delegated right away from one account. */
    async revoke(trustee: string): Promise<undefined> {
      const sid = await sidOf(trustee)
      for (const container of delegated) {
        await administrator.editAccess(container, (present) => present.filter((ace) => !isAbout(ace, sid)))
      }
    },
    async blockInheritance(name: string): Promise<undefined> {
      await administrator.blockInheritance(await dnOf(name))
    },
    /** Its container too: what cannot be listed is not there. */
    async allowReading(trustee: string, name: string): Promise<undefined> {
      const sid = await sidOf(trustee)
      const container = `CN=Password Settings Container,CN=System,${forest.baseDn}`
      for (const dn of [container, await dnOf(name)]) await administrator.editAccess(dn, (present) => [allowReading(sid), ...present])
    },
    /** Password writes since the account was made, by GUID. */
    async writes(): Promise<Record<string, number>> {
      const rows = await administrator.readAll('(&(objectCategory=person)(objectClass=user))', ['objectGUID', 'replPropertyMetaData'])
      return Object.fromEntries(rows.map((row) => [guidText(bytesOf(row, 'objectGUID') ?? Buffer.alloc(16)), writesOf(row)]))
    },
  }
}

export type SambaControl = ReturnType<typeof sambaControl>
