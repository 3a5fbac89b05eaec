/**
 * Who passed the gate, as the cloud directory says at that moment: what a flow keeps of them. Of their names it keeps the
 * parts that no password may hold, in lower case, for as long as the flow can be read.
 *
 * `undefined`: nobody, or an account that is disabled. Pins the source anchor (pin.ts).
 */
import type { Log } from '../../shared/log.ts'
import { isSourceAnchor } from '../../shared/payload.ts'
import type { Groups } from '../entra/groups.ts'
import type { Person } from '../entra/people.ts'
import type { Roles } from '../entra/roles.ts'
import type { SignInTypes } from '../entra/sign-in-type.ts'
import { nameParts } from '../policy/banned.ts'
import type { Policies } from '../policy/row.ts'
import type { FlowPerson } from './flow.ts'
import { fitsPin, type PinDeps } from './pin.ts'

/** What is read of a person. */
export type KnownPerson = Pick<Person, 'id' | 'synchronized' | 'signInDomain' | 'enabled' | 'sourceAnchor' | 'domainName' | 'names'>

export interface PersonDeps extends PinDeps {
  people: { byId(id: string): Promise<KnownPerson | undefined> }
  signInTypes: SignInTypes
  roles: Roles
  groups: Groups
  policies: Pick<Policies, 'current'>
  log: Log
}

export async function personOf(personId: string, deps: PersonDeps): Promise<FlowPerson | undefined> {
  const person = await deps.people.byId(personId)
  if (!person?.enabled) return undefined
  const { id, domainName, names } = person
  const [anchor, signIn, administrator, eligible] = await Promise.all([
    anchorOf(person, deps),
    deps.signInTypes.of(person),
    deps.roles.isAdministrator(id),
    isEligible(id, deps),
  ])
  const standing = { ...(signIn && { signIn }), ...(administrator && { administrator }), ...(!eligible && { notEligible: true as const }) }
  const known = { ...(domainName && { domainName }), ...(names && { names: nameParts(names) }) }
  return { id, ...anchor, ...known, ...standing }
}

async function isEligible(id: string, { groups, policies }: PersonDeps): Promise<boolean> {
  const { eligibleGroup } = await policies.current()
  return eligibleGroup === null || groups.isMember(id, eligibleGroup)
}

type Anchor = Pick<FlowPerson, 'sourceAnchor' | 'linkChanged'>

async function anchorOf({ id, synchronized, sourceAnchor }: KnownPerson, deps: PersonDeps): Promise<Anchor> {
  if (!synchronized || sourceAnchor === undefined) return {}
  const usable = isSourceAnchor(sourceAnchor)
  if (usable && (await fitsPin(id, sourceAnchor, deps))) return { sourceAnchor }
  deps.log('linkChanged', { person: id })
  return { ...(usable && { sourceAnchor }), linkChanged: true }
}
