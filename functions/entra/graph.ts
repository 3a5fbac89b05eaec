/**
 * People as the cloud directory knows them: found by the name they typed or by object id, and nothing changed.
 *
 * What was typed becomes exactly one path segment of `/users/{…}`, and only if it can be a user principal name at all;
 * nothing else of Graph can be reached with it. Requests and answers hold names, so they are in no fault: only the
 * status and a code word are. Needs the application permission User.Read.All.
 * Source: learn.microsoft.com/graph/api/user-get and /graph/api/resources/user.
 */
import {
  bearerTokenAuthenticationPolicy,
  createDefaultHttpClient,
  createPipelineFromOptions,
  createPipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline'
import * as z from 'zod'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { Fault, faultWord } from '../../shared/fault.ts'
import { within } from '../store/within.ts'
import type { TokenCredential } from './credential.ts'

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
  enabled: boolean
}

/** `undefined`: nobody has this name or id. GRAPH_UNAVAILABLE: Graph did not say. */
export interface People {
  byName(username: string): Promise<Person | undefined>
  byId(objectId: string): Promise<Person | undefined>
}

export interface PeopleOptions {
  /** `https://graph.microsoft.com`, or that of another cloud. */
  graphUrl: string
  credential: TokenCredential
  /** One look-up, with its retries. */
  timeoutMs?: number
  clock?: Clock
  /** A Graph on loopback, with a certificate of the local authority (PEM). */
  local?: { ca: string }
}

export function openPeople({ graphUrl, credential, timeoutMs = 8_000, clock = systemClock, local }: PeopleOptions): People {
  const client = createDefaultHttpClient()
  const pipeline = createPipelineFromOptions({
    retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 },
    redirectOptions: { maxRetries: 0 },
    ...(local && { tlsOptions: { ca: local.ca } }),
  })
  pipeline.addPolicy(bearerTokenAuthenticationPolicy({ credential, scopes: graphScope }))

  async function find(key: string): Promise<GraphUser | undefined> {
    const url = `${new URL(graphUrl).origin}/v1.0/users/${segment(key)}?$select=${Object.keys(graphUser.shape).join(',')}`
    const send = (abortSignal: AbortSignal) => pipeline.sendRequest(client, createPipelineRequest({ url, abortSignal }))
    const response = await within(clock, timeoutMs, send).catch((error: unknown) => {
      throw new Fault('GRAPH_UNAVAILABLE', `Graph did not answer (${faultWord(error)})`)
    })
    return readUser(response)
  }
  return {
    async byName(username) {
      if (!isPrincipalName(username)) return undefined
      const user = await find(username)
      return user && user.userPrincipalName.toLowerCase() === username.toLowerCase() ? personOf(user) : undefined
    },
    async byId(objectId) {
      if (!guid.test(objectId)) return undefined
      const user = await find(objectId)
      return user && user.id.toLowerCase() === objectId.toLowerCase() ? personOf(user) : undefined
    },
  }
}

/** Of the application, whichever cloud's address leads there. */
const graphScope = 'https://graph.microsoft.com/.default'

const guid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** Graph: "only the following characters are allowed: A-Z, a-z, 0-9, ' . - _ ! # ^ ~", around one @ (resource type user). */
const principalName = /^[a-z0-9'._!#^~-]+@[a-z0-9.-]+$/i
const isPrincipalName = (text: string): boolean => text.length <= 254 && principalName.test(text)

/** `encodeURIComponent` leaves the quote, which delimits literals in OData. */
const segment = (key: string): string => encodeURIComponent(key).replaceAll("'", '%27')

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
})
type GraphUser = z.infer<typeof graphUser>

function readUser({ status, bodyAsText }: PipelineResponse): GraphUser | undefined {
  if (status === 404) return undefined
  // What we ask is fixed but for the name, which was checked: a 400 is our mistake and stays one.
  if (status !== 200) throw new Fault('GRAPH_UNAVAILABLE', `Graph answered ${status}`, { permanent: status === 400 })
  const parsed = graphUser.safeParse(jsonOf(bodyAsText))
  if (!parsed.success) throw new Fault('GRAPH_UNAVAILABLE', 'Graph answered with something that is not a user')
  return parsed.data
}

function jsonOf(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

function personOf(user: GraphUser): Person {
  const mailAddress = [...(user.otherMails ?? []), user.mail].find((each) => each != null && each !== '')
  return {
    id: user.id.toLowerCase(),
    ...(mailAddress && { mailAddress }),
    synchronized: user.onPremisesSyncEnabled === true,
    ...(user.onPremisesImmutableId && { sourceAnchor: user.onPremisesImmutableId }),
    ...(user.onPremisesDomainName && { domainName: user.onPremisesDomainName }),
    enabled: user.accountEnabled === true,
  }
}
