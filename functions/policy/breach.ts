/**
 * Whether a password is among those of known breaches, asked by k-anonymity: of its SHA-1 only the first five hex digits leave,
 * the service answers with every suffix it has under them, padded so that the answer's size says nothing
 * (haveibeenpwned.com/API/v3#PwnedPasswords). Off unless the tenant's policy and the deployment (BREACH_URL) both want it.
 *
 * It is a look more, and stands in nobody's way: a service that is slow, away or talks nonsense is logged, and the directory
 * decides as if nobody had looked. The request follows no redirect and is not sent again. The hash is never a string.
 */
import { createHash } from 'node:crypto'
import https from 'node:https'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { faultWord } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { Secret } from '../../shared/secret.ts'
import { within } from '../store/within.ts'

/** False also where nobody could tell. */
export type IsBreached = (password: Secret) => Promise<boolean>

export interface BreachOptions {
  /** `https://host`; without one nobody is asked. */
  url: string | undefined
  log: Log
  /** Of the time a person waits for an answer, this much at most. */
  timeoutMs?: number
  clock?: Clock
  /** A service on loopback, with a certificate of the local authority (PEM). */
  local?: { ca: string }
}

const prefixLength = 5
/** The real ones are about 40 KB. */
const maxAnswerBytes = 512 * 1024

export function openBreaches({ url, log, timeoutMs = 1_500, clock = systemClock, local }: BreachOptions): IsBreached {
  return async (password) => {
    const hash = hexOfSha1(password)
    try {
      if (url === undefined) throw odd('BREACH_URL_MISSING')
      const prefix = hash.subarray(0, prefixLength).toString('latin1')
      const range = await within(clock, timeoutMs, (signal) => get(new URL(`/range/${prefix}`, url), signal, local?.ca))
      return holds(range, hash.subarray(prefixLength))
    } catch (error) {
      log('breachUnchecked', { fault: faultWord(error) })
      return false
    } finally {
      hash.fill(0)
    }
  }
}

/** As the 40 capital hex digits the service writes. */
function hexOfSha1(password: Secret): Buffer {
  const digest = password.use((value) => createHash('sha1').update(value).digest())
  const hex = Buffer.alloc(2 * digest.length)
  digest.forEach((byte, at) => {
    hex[2 * at] = hexDigit(byte >> 4)
    hex[2 * at + 1] = hexDigit(byte & 15)
  })
  digest.fill(0)
  return hex
}
const hexDigit = (nibble: number) => nibble + (nibble < 10 ? 48 : 55)

/** A line is a suffix, a colon and how often it was seen: of what is there as padding, never. */
function holds(range: Buffer, suffix: Buffer): boolean {
  const at = range.indexOf(suffix)
  if (at < 0 || (at > 0 && range[at - 1] !== 10)) return false
  return /^:0*[1-9]/.test(range.subarray(at + suffix.length, at + suffix.length + 16).toString('latin1'))
}

const firstLine = /^[0-9A-F]{35}:[0-9]+\r?(\n|$)/

function get(url: URL, signal: AbortSignal, ca: string | undefined): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const headers = { 'add-padding': 'true', 'user-agent': 'password-writeback' }
  const request = https.get(url, { headers, signal, ...(ca !== undefined && { ca }) }, (response) => {
    const chunks: Buffer[] = []
    let size = 0
    response.on('error', reject)
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxAnswerBytes) request.destroy(odd('ANSWER_TOO_LARGE'))
      else chunks.push(chunk)
    })
    response.on('end', () => {
      const body = Buffer.concat(chunks)
      if (response.statusCode !== 200) reject(odd(`STATUS_${response.statusCode}`))
      // Nothing under a prefix is unheard of, and padded: an empty answer is somebody else's.
      else if (!firstLine.test(body.subarray(0, 64).toString('latin1'))) reject(odd('NOT_A_RANGE'))
      else resolve(body)
    })
  })
  request.on('error', reject)
  return promise
}

const odd = (code: string) => Object.assign(new Error('the range service cannot be used'), { code })
