/**
 * The users of the local tenant as Microsoft Graph v1.0 shows them.
 *
 * Only what is asked for with `$select` leaves; without it only Graph's default set, which holds neither
 * `accountEnabled` nor any `onPremises…` property. An object is found by its id or its userPrincipalName, without
 * regard to case. Source: learn.microsoft.com/graph/api/resources/user.
 */
import { randomUUID } from 'node:crypto'
import type { Json } from '../stand-in.ts'

export type GraphUser = {
  id: string
  userPrincipalName: string
  displayName: string | null
  givenName: string | null
  surname: string | null
  mail: string | null
  otherMails: string[]
  mobilePhone: string | null
  businessPhones: string[]
  jobTitle: string | null
  officeLocation: string | null
  preferredLanguage: string | null
  usageLocation: string | null
  userType: 'Member' | 'Guest'
  accountEnabled: boolean
  /** `null` for a user that never was synchronized, `false` for one that no longer is. */
  onPremisesSyncEnabled: boolean | null
  /** Base64 of the source anchor. */
  onPremisesImmutableId: string | null
  onPremisesDomainName: string | null
  onPremisesDistinguishedName: string | null
  onPremisesSamAccountName: string | null
  onPremisesUserPrincipalName: string | null
  onPremisesSecurityIdentifier: string | null
  onPremisesLastSyncDateTime: string | null
  passwordPolicies: string | null
  lastPasswordChangeDateTime: string | null
}

export type NewUser = Partial<GraphUser> & Pick<GraphUser, 'userPrincipalName'>

const blank: Omit<GraphUser, 'id' | 'userPrincipalName'> = {
  displayName: null,
  givenName: null,
  surname: null,
  mail: null,
  otherMails: [],
  mobilePhone: null,
  businessPhones: [],
  jobTitle: null,
  officeLocation: null,
  preferredLanguage: null,
  usageLocation: null,
  userType: 'Member',
  accountEnabled: true,
  onPremisesSyncEnabled: null,
  onPremisesImmutableId: null,
  onPremisesDomainName: null,
  onPremisesDistinguishedName: null,
  onPremisesSamAccountName: null,
  onPremisesUserPrincipalName: null,
  onPremisesSecurityIdentifier: null,
  onPremisesLastSyncDateTime: null,
  passwordPolicies: null,
  lastPasswordChangeDateTime: null,
}

export const defaultSelection = [
  'businessPhones',
  'displayName',
  'givenName',
  'id',
  'jobTitle',
  'mail',
  'mobilePhone',
  'officeLocation',
  'preferredLanguage',
  'surname',
  'userPrincipalName',
] as const satisfies (keyof GraphUser)[]

const properties = new Set<string>(['id', 'userPrincipalName', ...Object.keys(blank)])
export const isUserProperty = (name: string): name is keyof GraphUser => properties.has(name)

export function project(user: GraphUser, selection: readonly (keyof GraphUser)[]): { [key: string]: Json } {
  return Object.fromEntries(selection.map((name) => [name, user[name]]))
}

export interface Users {
  add(user: NewUser): GraphUser
  remove(idOrPrincipalName: string): void
  find(idOrPrincipalName: string): GraphUser | undefined
  all(): GraphUser[]
}

export function makeUsers(): Users {
  const users: GraphUser[] = []
  const indexOf = (key: string) =>
    users.findIndex((user) => [user.id, user.userPrincipalName].some((each) => each.toLowerCase() === key.toLowerCase()))
  return {
    add(user) {
      const added = { ...blank, id: randomUUID(), ...user }
      if (indexOf(added.id) >= 0 || indexOf(added.userPrincipalName) >= 0)
        throw new Error('a user with this id or userPrincipalName exists')
      users.push(added)
      return added
    },
    remove(key) {
      const index = indexOf(key)
      if (index >= 0) users.splice(index, 1)
    },
    find: (key) => users[indexOf(key)],
    all: () => [...users],
  }
}
