/**
 * The sample forest in a newly provisioned domain: the same policy, places, rights and people as in `local/directory`, told to
 * Samba by its administrator over LDAPS. Samba gives the identifiers; they are read back.
 *
 * What Samba has and does differently: it marks no protected accounts (no SDProp), so `adminCount` is set by hand; it gives
 * who must use a smart card a random password at once, as Windows does.
 */
import { samplePolicy } from '../directory/build.ts'
import { delegableRights } from '../directory/delegation.ts'
import { filetime, guidText, sidText } from '../directory/identifiers.ts'
import { accountFlag } from '../directory/schema.ts'
import type { SampleForest, SampleUser } from '../directory/seed.ts'
import { type Administrator, quoted, type Row } from './administrator.ts'
import { allowOnUsersBelow, cannotChangePassword } from './descriptor.ts'

export const bytesOf = (row: Row, name: string): Buffer | undefined => row.get(name.toLowerCase())?.[0]
export const textOf = (row: Row, name: string): string => bytesOf(row, name)?.toString('utf8') ?? ''

/** Long past: 2001-01-01. */
const expiredAtMs = 978_307_200_000

/** Resolves with the forest as it is now: with Samba's identifiers. */
export async function populate(administrator: Administrator, forest: SampleForest): Promise<SampleForest> {
  await administrator.replace(forest.baseDn, samplePolicy)
  await placeContainers(administrator, forest)
  await placeServiceAccount(administrator, forest)
  for (const user of forest.users) await placeUser(administrator, forest.baseDn, user)
  const head = await administrator.read(forest.baseDn, ['objectSid'])
  const users = await withIdentifiers(administrator, forest.users)
  return { ...forest, domainSid: sidText(bytesOf(head, 'objectSid') ?? Buffer.alloc(8)), users }
}

const serverTeam = (baseDn: string) => `CN=Server Team,OU=Groups,${baseDn}`

async function placeContainers(administrator: Administrator, { baseDn }: SampleForest): Promise<void> {
  for (const name of ['Staff', 'Other', 'Groups', 'Service Accounts']) {
    await administrator.add(`OU=${name},${baseDn}`, { objectClass: 'organizationalUnit' })
  }
  await administrator.add(serverTeam(baseDn), { objectClass: 'group', sAMAccountName: 'Server Team' })
  await administrator.addMember(`CN=Backup Operators,CN=Builtin,${baseDn}`, serverTeam(baseDn))
}

/** The four rights come before the people, who then inherit them as they are made. */
async function placeServiceAccount(administrator: Administrator, { serviceAccount }: SampleForest): Promise<void> {
  await administrator.add(serviceAccount.dn, {
    objectClass: 'user',
    sAMAccountName: serviceAccount.upn.split('@')[0],
    userPrincipalName: serviceAccount.upn,
    userAccountControl: accountFlag.normal | accountFlag.passwordNeverExpires,
    unicodePwd: quoted(serviceAccount.password),
  })
  const sid = bytesOf(await administrator.read(serviceAccount.dn, ['objectSid']), 'objectSid') ?? Buffer.alloc(8)
  const aces = delegableRights.map((right) => allowOnUsersBelow(right, sid))
  await administrator.editAccess(serviceAccount.scope, (present) => [...aces, ...present])
}

export async function placeUser(administrator: Administrator, baseDn: string, user: SampleUser): Promise<void> {
  const is = (trait: SampleUser['traits'][number]) => user.traits.includes(trait)
  await administrator.add(user.dn, {
    objectClass: 'user',
    sAMAccountName: user.sam,
    userPrincipalName: user.upn,
    displayName: user.displayName,
    mail: user.mail,
    userAccountControl: accountFlag.normal | (is('disabled') ? accountFlag.disabled : 0),
    unicodePwd: quoted(user.password),
    'mS-DS-ConsistencyGuid': is('consistencyGuid') ? Buffer.from(user.immutableId, 'base64') : undefined,
    accountExpires: is('expired') ? filetime(expiredAtMs) : undefined,
    adminCount: is('protected') ? 1 : undefined,
  })
  if (is('smartCard')) {
    await administrator.replace(user.dn, { userAccountControl: accountFlag.normal | accountFlag.smartCardRequired })
  }
  if (is('locked')) await lock(administrator, user.dn)
  if (is('mustChange')) await administrator.replace(user.dn, { pwdLastSet: 0 })
  if (is('cannotChange')) await administrator.editAccess(user.dn, (present) => [...cannotChangePassword(), ...present])
  if (is('protected')) await administrator.addMember(`CN=Domain Admins,CN=Users,${baseDn}`, user.dn)
  if (is('nestedProtected')) await administrator.addMember(serverTeam(baseDn), user.dn)
}

/** Windows lets nobody write a time here, Samba its administrator. It ends by itself after the policy's lock-out duration. */
export const lock = (administrator: Administrator, dn: string): Promise<void> =>
  administrator.replace(dn, { lockoutTime: filetime(Date.now()) })

export async function withIdentifiers(administrator: Administrator, users: readonly SampleUser[]): Promise<SampleUser[]> {
  const rows = await administrator.readAll('(&(objectCategory=person)(objectClass=user))', [
    'sAMAccountName',
    'distinguishedName',
    'objectGUID',
    'mS-DS-ConsistencyGuid',
  ])
  const bySam = new Map(rows.map((row) => [textOf(row, 'sAMAccountName'), row]))
  return users.map((user) => {
    const row = bySam.get(user.sam)
    if (row === undefined) throw new Error('a sample user is not in the directory')
    // The name too: characters may be escaped in more than one way (RFC 4514 section 2.4), and Samba has its own.
    return { ...user, dn: textOf(row, 'distinguishedName'), ...identifiersOf(row) }
  })
}

export function identifiersOf(row: Row): { objectGuid: string; immutableId: string } {
  const guid = bytesOf(row, 'objectGUID') ?? Buffer.alloc(16)
  const consistency = row.get('ms-ds-consistencyguid')?.find((value) => value.length > 0)
  return { objectGuid: guidText(guid), immutableId: (consistency ?? guid).toString('base64') }
}
