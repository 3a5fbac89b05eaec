/**
 * Who may sign in to the local tenant, to what, and through which program: people with their app roles, the one API they
 * can get tokens for, and the public clients (no secret) that may bring them.
 */

export interface Person {
  objectId: string
  upn: string
  name: string
  /** App roles at the API. */
  roles: readonly string[]
}

export interface Administration {
  /** `uri`: the App ID URI. Scopes are either of the two with `/manage` or `/.default`. */
  api: { clientId: string; uri: string; scope: string }
  programs: readonly { clientId: string; redirectUris: readonly string[] }[]
  people: readonly Person[]
}

/** How a person has signed in. */
export interface SignIn {
  person: Person
  /** Seconds since the epoch; undefined: the API's registration does not ask for the optional claim. */
  authTimeS: number | undefined
  /** Authentication contexts that were satisfied. */
  acrs: readonly string[]
}

export const personWith = ({ people }: Administration, upn: string) => people.find((each) => each.upn.toLowerCase() === upn.toLowerCase())
