/**
 * Who may sign in to the local tenant, to what, and through which program: people with their app roles, the one API they
 * can get tokens for, and the public clients (no secret) that may bring them.
 * Each program may ask for the scopes that it is registered for.
 */

export interface Person {
  objectId: string
  upn: string
  name: string
  /** App roles at the API. */
  roles: readonly string[]
}

export interface Administration {
  /** `uri`: the App ID URI. Scopes are either of the two with a scope's name, or `/.default` for all that a program has. */
  api: { clientId: string; uri: string; scopes: readonly string[] }
  programs: readonly Program[]
  people: Person[]
}

export interface Program {
  clientId: string
  redirectUris: readonly string[]
  /** Of the API's scopes. */
  scopes: readonly string[]
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
