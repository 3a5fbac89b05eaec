/**
 * What Key Vault's "no" means, the same for both sides: read by the shape of the SDK's errors, told as one word, and how long
 * the vault wants to be left alone.
 *
 * Words as the real service has them: learn.microsoft.com/azure/key-vault/general/rest-error-codes. What an administrator
 * does about each trouble: docs/operating.md.
 */
import type { Clock } from './clock.ts'
import { Fault } from './fault.ts'
import type { Log } from './log.ts'

export const troubles = [
  /** 429, or 503 with Retry-After. */
  'throttled',
  /** 5xx, or no connection. */
  'unavailable',
  /** Not within the time of one call. */
  'noAnswer',
  /** 403: the role is missing. */
  'noRight',
  /** 403: a firewall or a private link does not let us in. */
  'closed',
  /** No token, or one that the vault does not take. */
  'signIn',
  /** The version in use is disabled, or was purged. */
  'retired',
  /** This clock is outside nbf and exp of the version in use. */
  'outsideLifetime',
] as const
export type Trouble = (typeof troubles)[number]

interface VaultError {
  name?: string
  statusCode?: number
  code?: string
  details?: { error?: { innerError?: { code?: string } } }
}

const wordsOf = ({ code = '', details }: VaultError) => [code, details?.error?.innerError?.code ?? '']

const goneWords: Record<number, readonly string[]> = { 404: ['KeyNotFound', 'SecretNotFound'], 403: ['KeyDisabled', 'SecretDisabled'] }
const closedWords = ['ForbiddenByConnection', 'ForbiddenByFirewall']
const lifetimeWords = ['KeyExpired', 'KeyNotYetValid', 'SecretExpired', 'SecretNotYetValid']

/** No such version, or a disabled one: the vault's own answer. A proxy's 404, or a closed network's 403, is none. */
export function isGone(error: unknown): boolean {
  const known = (error ?? {}) as VaultError
  return wordsOf(known).some((word) => goneWords[known.statusCode ?? 0]?.includes(word))
}

export function troubleOf(error: unknown): Trouble {
  const known = (error ?? {}) as VaultError
  const { name = '', statusCode = 0 } = known
  const says = (list: readonly string[]) => wordsOf(known).some((word) => list.includes(word))
  if (error instanceof Pause || statusCode === 429) return 'throttled'
  if (isGone(error)) return 'retired'
  if (['TimeoutError', 'AbortError'].includes(name)) return 'noAnswer'
  if (statusCode === 401 || /^(Authentication|AggregateAuthentication|CredentialUnavailable)/.test(name)) return 'signIn'
  if (statusCode === 403) return says(lifetimeWords) ? 'outsideLifetime' : says(closedWords) ? 'closed' : 'noRight'
  return 'unavailable'
}

/** Thrown out of the SDK's pipeline: the vault asks for more time than the call has. */
class Pause extends Error {}

interface Answered {
  status: number
  headers: { get(name: string): string | undefined }
}

/** A policy of the SDK's pipeline (core-rest-pipeline), as much of it as is used here. */
interface Policy {
  name: string
  sendRequest<Q, A extends Answered>(request: Q, next: (request: Q) => Promise<A>): Promise<A>
}

/** How each call to the vault is watched: its Retry-After is kept to, and its troubles are told, each once a minute at most. */
export interface VaultWatch {
  /** Goes before each try. A Retry-After within `callMs` is waited for by the SDK; a longer one ends the call at once. */
  additionalPolicies: { policy: Policy; position: 'perRetry' }[]
  /** Throws, without asking, while the vault wants to be left alone for longer than a call lasts. */
  check(): void
  tell(trouble: Trouble): void
}

/** A maintenance page, a proxy's too, may say an hour or a day; the vault itself, seconds. */
const longestQuietMs = 60_000

export function watchVault(callMs: number, clock: Clock, log: Log): VaultWatch {
  let quietUntil = Number.NEGATIVE_INFINITY
  const check = () => {
    if (quietUntil - clock.monotonic() > callMs) throw new Pause('the vault wants to be left alone for longer than a call lasts')
  }
  const policy: Policy = {
    name: 'retryAfter',
    async sendRequest(request, next) {
      const response = await next(request)
      const seconds = response.status === 429 || response.status === 503 ? Number(response.headers.get('retry-after')) : 0
      if (seconds > 0) quietUntil = clock.monotonic() + Math.min(seconds * 1_000, longestQuietMs)
      check()
      return response
    },
  }
  return {
    additionalPolicies: [{ policy, position: 'perRetry' }],
    check,
    tell: troubleTeller(clock, log),
  }
}

/** Tells each trouble once a minute at most: every request meets the same one. */
export function troubleTeller(clock: Clock, log: Log): (trouble: Trouble) => void {
  const told = new Map<Trouble, number>()
  return (trouble) => {
    const last = told.get(trouble)
    if (last !== undefined && clock.monotonic() - last < 60_000) return
    told.set(trouble, clock.monotonic())
    log('keysUnavailable', { fault: 'KEY_UNAVAILABLE', reason: trouble })
  }
}

/** The fault for both sides. SDK errors hold requests with tokens and answers with secrets: only words of ours come along. */
export const keysFault = (trouble: Trouble): Fault =>
  new Fault('KEY_UNAVAILABLE', `the vault gave no key (${trouble})`, { permanent: trouble === 'outsideLifetime' })
