/**
 * People as the cloud directory knows them: found by the name they typed or by object id, and nothing changed.
 *
 * What was typed becomes exactly one path segment of `/users/{…}`, and only if it can be a user principal name at all;
 * nothing else of Graph can be reached with it. Needs the application permission User.Read.All.
 * Source: learn.microsoft.com/graph/api/user-get and /graph/api/resources/user.
 */
import * as z from 'zod'
import { type Graph, guid, isGuid, odd, refused, segment } from './graph.ts'

export interface Person {
  /** Object id: the cloud anchor, a GUID in lower case. */
  id: string
  /** Where a code may be sent. An address outside comes first: whoever has lost the password cannot read the inside one. */
  mailAddress?: string
  /** Comes from an on-premises directory. */
  synchronized: boolean
  /** `onPremisesImmutableId`: base64 of the on-premises anchor. */
  sourceAnchor?: string
  /** The on-premises domain, as a DNS name. */
  domainName?: string
  /** As people call them and as they sign in, without the domain. */
  names?: readonly string[]
  /** The domain of the user principal name, in lower case: how one signs in to it decides where the password is. */
  signInDomain: string
  enabled: boolean
}

/** `undefined`: nobody has this name or id. GRAPH_UNAVAILABLE: Graph did not say. */
export interface People {
  byName(username: string): Promise<Person | undefined>
  byId(objectId: string): Promise<Person | undefined>
}

export function openPeople(graph: Pick<Graph, 'ask'>): People {
  async function find(key: string): Promise<GraphUser | undefined> {
    const { status, body } = await graph.ask(`users/${segment(key)}?$select=${Object.keys(graphUser.shape).join(',')}`)
    if (status === 404) return undefined
    if (status !== 200) throw refused(status)
    const parsed = graphUser.safeParse(body)
    if (!parsed.success) throw odd('something that is not a user')
    return parsed.data
  }
  return {
    async byName(username) {
      if (!isPrincipalName(username)) return undefined
      const user = await find(username)
      return user && user.userPrincipalName.toLowerCase() === username.toLowerCase() ? personOf(user) : undefined
    },
    async byId(objectId) {
      if (!isGuid(objectId)) return undefined
      const user = await find(objectId)
      return user && user.id.toLowerCase() === objectId.toLowerCase() ? personOf(user) : undefined
    },
  }
}

/** Graph: "only the following characters are allowed: A-Z, a-z, 0-9, ' . - _ ! # ^ ~", around one @ (resource type user). */
const principalName = /^[a-z0-9'._!#^~-]+@[a-z0-9.-]+$/i
const isPrincipalName = (text: string): boolean => text.length <= 254 && principalName.test(text)

/** Also the list of what is asked for. */
const graphUser = z.object({
  id: z.string().regex(guid),
  userPrincipalName: z.string(),
  mail: z.string().nullish(),
  otherMails: z.array(z.string()).nullish(),
  accountEnabled: z.boolean().nullish(),
  onPremisesSyncEnabled: z.boolean().nullish(),
  onPremisesImmutableId: z.string().nullish(),
  onPremisesDomainName: z.string().nullish(),
  onPremisesSamAccountName: z.string().nullish(),
  displayName: z.string().nullish(),
  givenName: z.string().nullish(),
  surname: z.string().nullish(),
})
type GraphUser = z.infer<typeof graphUser>

function personOf(user: GraphUser): Person {
  const at = user.userPrincipalName.lastIndexOf('@')
  const names = [user.userPrincipalName.slice(0, at), user.onPremisesSamAccountName, user.displayName, user.givenName, user.surname]
  const mailAddress = [...(user.otherMails ?? []), user.mail].find((each) => each != null && each !== '')
  return {
    id: user.id.toLowerCase(),
    ...(mailAddress && { mailAddress }),
    synchronized: user.onPremisesSyncEnabled === true,
    ...(user.onPremisesImmutableId && { sourceAnchor: user.onPremisesImmutableId }),
    ...(user.onPremisesDomainName && { domainName: user.onPremisesDomainName }),
    names: names.flatMap((each) => each || []),
    signInDomain: user.userPrincipalName.slice(at + 1).toLowerCase(),
    enabled: user.accountEnabled === true,
  }
}
