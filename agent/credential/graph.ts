/**
 * The agent's own application in Microsoft Graph: which certificates it has, one more, one less. The only agent file that
 * speaks to Graph.
 *
 * Needs no permission: "a service principal can retrieve its own application and service principal details without being granted
 * any application permissions" (learn.microsoft.com/graph/api/serviceprincipal-get), and "an application does not need any
 * specific permission to roll its own keys" (…/application-addkey, …/application-removekey). Both of these want a proof of possession. A refusal is
 * an answer, with its status; GRAPH_UNAVAILABLE: Graph did not say.
 */
import {
  bearerTokenAuthenticationPolicy,
  createDefaultHttpClient,
  createPipelineFromOptions,
  createPipelineRequest,
  type HttpMethods,
} from '@azure/core-rest-pipeline'
import * as z from 'zod'
import { type Clock, inTime } from '../../shared/clock.ts'
import { Fault, faultWord } from '../../shared/fault.ts'
import type { Certificate } from './certificate.ts'
import { refusalCode, type TokenCredential } from './sign-in.ts'

export interface GraphOptions {
  graphUrl: string
  clientId: string
  credential: TokenCredential
  /** What its token is to allow, if not what the application may anyway. */
  scope?: string
  clock: Clock
  /** PEM; set only where Graph is not Microsoft's own. */
  localCa: string | undefined
}

/** As Graph shows it; passed back unchanged where the whole list is written. */
export type KeyCredential = z.infer<typeof keyCredential>

export interface Registration {
  /** Of the application, not of its service principal: what a proof of possession is made out by. */
  objectId: string
  keys: KeyCredential[]
}

/** `status` 401 to 404 and the like; `aadsts`: it was the sign-in that was refused. */
export type Refused = { kind: 'refused'; status: number; aadsts?: string }
export type Answer<T> = { kind: 'done'; value: T } | Refused

export interface ApplicationInGraph {
  read(): Promise<Answer<Registration>>
  addKey(certificate: Certificate, proof: string): Promise<Answer<undefined>>
  removeKey(keyId: string, proof: string): Promise<Answer<undefined>>
  /** For administrators: the whole list anew. */
  writeKeys(keys: readonly (KeyCredential | NewKey)[]): Promise<Answer<undefined>>
}

const keyCredential = z.looseObject({ keyId: z.guid(), key: z.string().nullish(), customKeyIdentifier: z.string().nullish() })
const application = z.object({ id: z.guid(), keyCredentials: z.array(keyCredential) })

const verifying = { type: 'AsymmetricX509Cert', usage: 'Verify' }
export const newKey = ({ der }: Certificate) => ({ ...verifying, key: der.toString('base64') })
export type NewKey = ReturnType<typeof newKey>

/** By its bytes, or else by the thumbprint, which Graph has shown both as hex and as base64 of the hash. */
export const keyOf = ({ keys }: Registration, { der, thumbprint }: Certificate): KeyCredential | undefined =>
  keys.find(({ key, customKeyIdentifier: name }) =>
    key ? key === der.toString('base64') : [thumbprint, Buffer.from(thumbprint, 'hex').toString('base64')].includes(name ?? ''),
  )

/** One call with its retries. Not by the signal alone: a sign-in that hangs does not look at it. */
const callMs = 20_000
export const graphScope = 'https://graph.microsoft.com/.default'
/** For a person who signs in: the program they use is given this then, if the tenant has not granted it before. */
export const applicationsScope = 'https://graph.microsoft.com/Application.ReadWrite.All'

export function openApplication({ graphUrl, clientId, credential, scope = graphScope, clock, localCa }: GraphOptions): ApplicationInGraph {
  const client = createDefaultHttpClient()
  const pipeline = createPipelineFromOptions({
    retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 },
    redirectOptions: { maxRetries: 0 },
    ...(localCa !== undefined && { tlsOptions: { ca: localCa } }),
  })
  pipeline.addPolicy(bearerTokenAuthenticationPolicy({ credential, scopes: scope }))
  const address = `${new URL(graphUrl).origin}/v1.0/applications(appId='${clientId}')`

  async function ask(method: HttpMethods, path: string, body?: object): Promise<Answer<string>> {
    const abortSignal = clock.deadline(callMs)
    const request = createPipelineRequest({ url: `${address}${path}`, method, abortSignal })
    if (body) {
      request.headers.set('content-type', 'application/json')
      request.body = JSON.stringify(body)
    }
    try {
      const { status, bodyAsText } = await inTime(pipeline.sendRequest(client, request), clock, callMs)
      if (status >= 200 && status < 300) return { kind: 'done', value: bodyAsText ?? '' }
      if (status >= 500 || status === 429) throw new Fault('GRAPH_UNAVAILABLE', `Graph answered ${status}`)
      return { kind: 'refused', status }
    } catch (error) {
      const aadsts = refusalCode(error)
      if (aadsts !== undefined) return { kind: 'refused', status: 401, aadsts }
      if (error instanceof Fault) throw error
      throw new Fault('GRAPH_UNAVAILABLE', `Graph did not answer (${faultWord(error)})`)
    }
  }
  const tell = async (method: HttpMethods, path: string, body: object): Promise<Answer<undefined>> => {
    const answer = await ask(method, path, body)
    return answer.kind === 'refused' ? answer : { kind: 'done', value: undefined }
  }
  return {
    async read() {
      const answer = await ask('GET', '?$select=id,keyCredentials')
      if (answer.kind === 'refused') return answer
      const parsed = application.safeParse(jsonOf(answer.value))
      if (!parsed.success) throw new Fault('GRAPH_UNAVAILABLE', 'Graph answered with something that is not an application')
      return { kind: 'done', value: { objectId: parsed.data.id, keys: parsed.data.keyCredentials } }
    },
    addKey: (certificate, proof) => tell('POST', '/addKey', { keyCredential: newKey(certificate), passwordCredential: null, proof }),
    removeKey: (keyId, proof) => tell('POST', '/removeKey', { keyId, proof }),
    writeKeys: (keyCredentials) => tell('PATCH', '', { keyCredentials }),
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
