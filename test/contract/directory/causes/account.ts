/** States of the account, and rights on it. A reset cares for few of the states: the product has to look before it writes. */
import type { UserFacts } from '../../../../local/samba/control.ts'
import type { Lab } from '../lab.ts'
import { type Cause, cause, denied, type Expected } from './cause.ts'

export const stateCauses: readonly Cause[] = [
  cause('disabled', 'reset', { person: { traits: ['disabled'] } }, '0', { bindAfter: '49 533' }),
  cause('expired', 'reset', { person: { traits: ['expired'] } }, '0', { bindAfter: '49 701' }),
  cause('locked', 'reset', { person: { traits: ['locked'] } }, '0', { after: { locked: true }, bindAfter: '49 775' }),
  cause('locked, lifted with the reset', 'resetAndUnlock', { person: { traits: ['locked'] } }, '0', {
    after: { locked: false, badPwdCount: 0 },
    bindAfter: '0',
  }),
  cause('must change', 'reset', { person: { traits: ['mustChange'] } }, '0', { after: { mustChange: false }, bindAfter: '0' }),
  cause('must change, demanded', 'demandChange', {}, '0', { after: { mustChange: true, passwordWrites: 0 } }),
  cause('cannot change', 'reset', { person: { traits: ['cannotChange'] } }, '0', { bindAfter: '0' }),
  cause('smart card required', 'reset', { person: { traits: ['smartCard'] } }, '0'),
]

/** Samba has no SDProp: what AdminSDHolder's list does elsewhere is done by hand. */
const sdProp = (lab: Lab, { dn }: UserFacts) => lab.blockInheritance(dn)
const byAdminCount: Expected = { samba: '0', 'stand-in': '50 00002098', why: 'Samba has no SDProp: adminCount changes no rights' }

async function primaryAdmin(lab: Lab, { dn }: UserFacts): Promise<void> {
  await lab.addToGroup(`CN=Domain Admins,CN=Users,${lab.baseDn}`, dn)
  await lab.setPrimaryGroup(dn, 512)
}

/** Domain Admins itself is in Administrators, so one group below it is two steps away. */
async function nestedAdmin(lab: Lab, { dn, sam }: UserFacts): Promise<void> {
  const [outer, inner] = [await lab.newGroup(`Outer of ${sam}`), await lab.newGroup(`Inner of ${sam}`)]
  await lab.addToGroup(`CN=Domain Admins,CN=Users,${lab.baseDn}`, outer)
  await lab.addToGroup(outer, inner)
  await lab.addToGroup(inner, dn)
}

export const protectedCauses: readonly Cause[] = [
  cause('protected, direct', 'reset', { person: { traits: ['protected'] } }, byAdminCount),
  cause('protected, direct, after SDProp', 'reset', { person: { traits: ['protected'] }, prepare: sdProp }, denied),
  cause('protected, nested, before SDProp', 'reset', { person: { traits: ['nestedProtected'] } }, '0'),
  cause('protected, nested twice, before SDProp', 'reset', { prepare: nestedAdmin }, '0'),
  cause('protected, primary group, before SDProp', 'reset', { prepare: primaryAdmin }, '0'),
  cause('protected, adminCount alone', 'reset', { prepare: (lab, { dn }) => lab.set(dn, { adminCount: '1' }) }, byAdminCount),
  cause('protected, adminCount 0', 'reset', { prepare: (lab, { dn }) => lab.set(dn, { adminCount: '0' }) }, '0'),
]

async function intoSealedUnit(lab: Lab, { dn, sam }: UserFacts): Promise<void> {
  const unit = await lab.newUnit(`Sealed for ${sam}`, lab.serviceAccount.scope)
  await lab.blockInheritance(unit)
  await lab.move(dn, unit)
}

const outside = { person: { traits: ['outOfScope' as const] } }

const goneByGuid: Expected = { samba: '32', 'stand-in': '32 00002030', why: 'Samba gives no digits for a name by GUID' }

export const permissionCauses: readonly Cause[] = [
  cause('permission missing', 'reset', outside, denied),
  cause('permission missing, unlock', 'unlock', outside, '50 00002098'),
  cause('permission missing, demand a change', 'demandChange', outside, '50 00002098'),
  cause('permission missing, reset and unlock', 'resetAndUnlock', outside, denied),
  cause('moved out of the scope', 'reset', { prepare: (lab, { dn }) => lab.move(dn, `OU=Other,${lab.baseDn}`) }, denied),
  cause(
    'moved inside the scope',
    'reset',
    { prepare: async (lab, { dn, sam }) => lab.move(dn, await lab.newUnit(`For ${sam}`, lab.serviceAccount.scope)) },
    '0',
  ),
  cause('inheritance blocked', 'reset', { prepare: (lab, { dn }) => lab.blockInheritance(dn) }, denied),
  cause('inheritance blocked, unlock', 'unlock', { prepare: (lab, { dn }) => lab.blockInheritance(dn) }, '50 00002098'),
  cause('inheritance blocked above', 'reset', { prepare: intoSealedUnit }, denied),
  cause('gone', 'reset', { prepare: (lab, { dn }) => lab.remove(dn) }, goneByGuid),
]
