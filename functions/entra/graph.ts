/**
 * Microsoft Graph v1.0: questions with retries and paging, and the one write there is. The only file of the functions that speaks to it.
 *
 * Paths are built by callers out of checked parts (`segment`, `isGuid`). A page's link is followed within Graph alone: our token
 * goes nowhere else. Requests and answers hold names, so they are in no fault: only the status and a code word are.
 * Throttling: 429 and 503 are asked again after their Retry-After, as long as the call's time lasts
 * (learn.microsoft.com/graph/throttling, /graph/paging).
 */
import {
  bearerTokenAuthenticationPolicy,
  createDefaultHttpClient,
  createEmptyPipeline,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
  type PipelineRequestOptions,
  type PipelineResponse,
  throttlingRetryPolicy,
  tlsPolicy,
} from '@azure/core-rest-pipeline'
import * as z from 'zod'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { Fault, faultWord, isFault } from '../../shared/fault.ts'
import { within } from '../store/within.ts'
import type { TokenCredential } from './credential.ts'

export interface GraphOptions {
  /** `https://graph.microsoft.com`, or that of another cloud. */
  graphUrl: string
  credential: TokenCredential
  /** One question, with its retries and pages. */
  timeoutMs?: number
  clock?: Clock
  /** A Graph on loopback, with a certificate of the local authority (PEM). */
  local?: { ca: string }
}

export interface GraphAnswer {
  status: number
  /** Of a refusal. */
  code: string | undefined
  body: unknown
}

export interface Graph {
  /** GET, or POST with a question that changes nothing. GRAPH_UNAVAILABLE: nothing was answered. */
  ask(path: string, question?: object): Promise<GraphAnswer>
  /** Every page of a collection. GRAPH_UNAVAILABLE: not all of it, or a refusal other than `noneIf`, which means "empty". */
  list(path: string, options?: { noneIf?: string }): Promise<unknown[]>
  /** PATCH. Asked again only after an answer that says it was not looked at. GRAPH_UNAVAILABLE: it may have been done or not. */
  change(path: string, body: Buffer, signal: AbortSignal): Promise<GraphAnswer>
}

/** Of the application, whichever cloud's address leads there. */
const graphScope = 'https://graph.microsoft.com/.default'

export const guid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i
export const isGuid = (text: string): boolean => guid.test(text)

/** `encodeURIComponent` leaves the quote, which delimits literals in OData. */
export const segment = (key: string): string => encodeURIComponent(key).replaceAll("'", '%27')

/** A collection of more pages than this is nobody's. */
const maxPages = 50
const page = z.object({ value: z.array(z.unknown()), '@odata.nextLink': z.string().optional() })

export function openGraph({ graphUrl, credential, timeoutMs = 8_000, clock = systemClock, local }: GraphOptions): Graph {
  const client = createDefaultHttpClient()
  const reading = createPipelineFromOptions({
    retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 },
    redirectOptions: { maxRetries: 0 },
    ...(local && { tlsOptions: { ca: local.ca } }),
  })
  // Not the one above: a write whose answer was lost is not simply sent again, and nothing logs its body.
  const writing = createEmptyPipeline()
  writing.addPolicy(throttlingRetryPolicy({ maxRetries: 1 }))
  if (local) writing.addPolicy(tlsPolicy({ ca: local.ca }))
  for (const pipeline of [reading, writing]) pipeline.addPolicy(bearerTokenAuthenticationPolicy({ credential, scopes: graphScope }))

  const root = `${new URL(graphUrl).origin}/v1.0/`
  const send = (abortSignal: AbortSignal, url: string, more: Partial<PipelineRequestOptions> = {}) =>
    (more.method === 'PATCH' ? writing : reading).sendRequest(client, createPipelineRequest({ url, abortSignal, ...more }))
  const inTime = <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => within(clock, timeoutMs, work).catch(unanswered)

  async function pages(path: string, noneIf: string | undefined, signal: AbortSignal): Promise<unknown[]> {
    const items: unknown[] = []
    let next: string | undefined = root + path
    for (let count = 0; next !== undefined; count++) {
      if (count === maxPages || !next.startsWith(root)) throw odd('a page that leads nowhere')
      const { status, code, body } = answerOf(await send(signal, next))
      if (status !== 200 && code !== undefined && code === noneIf) return []
      if (status !== 200) throw refused(status)
      const parsed = page.safeParse(body)
      if (!parsed.success) throw odd('something that is not a page')
      items.push(...parsed.data.value)
      next = parsed.data['@odata.nextLink']
    }
    return items
  }

  return {
    async ask(path, question) {
      const post = question && ({ method: 'POST', body: JSON.stringify(question), headers: jsonHeaders() } as const)
      return answerOf(await inTime((signal) => send(signal, root + path, post)))
    },
    list: (path, { noneIf } = {}) => inTime((signal) => pages(path, noneIf, signal)),
    async change(path, body, signal) {
      const patch = { method: 'PATCH', body, headers: jsonHeaders() } as const
      return answerOf(await inTime((own) => unlessAborted(signal, send(AbortSignal.any([own, signal]), root + path, patch))))
    },
  }
}

/** A sign-in that hangs does not look at the signal. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener('abort', onAbort))
}

const jsonHeaders = () => createHttpHeaders({ 'content-type': 'application/json' })

const refusal = z.object({ error: z.object({ code: z.string() }) })

function answerOf({ status, bodyAsText }: PipelineResponse): GraphAnswer {
  const body = jsonOf(bodyAsText)
  return { status, code: status < 400 ? undefined : refusal.safeParse(body).data?.error.code, body }
}

function jsonOf(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

/** What we ask is fixed but for parts that were checked: a 400 is our mistake and stays one. */
export const refused = (status: number) => new Fault('GRAPH_UNAVAILABLE', `Graph answered ${status}`, { permanent: status === 400 })
export const odd = (what: string) => new Fault('GRAPH_UNAVAILABLE', `Graph answered with ${what}`)

function unanswered(error: unknown): never {
  throw isFault(error, 'GRAPH_UNAVAILABLE') ? error : new Fault('GRAPH_UNAVAILABLE', `Graph did not answer (${faultWord(error)})`)
}
