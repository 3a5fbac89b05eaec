/**
 * Two clocks held against each other. More than a minute from the broker's, an agent's heartbeats are refused and the service
 * is "down" (docs/protocol.md, Times): a failure. From a domain controller's: a warning, since its times are compared with
 * its own clock alone.
 */
import { get } from 'node:https'
import type { Clock } from '../../../shared/clock.ts'
import { faultWord } from '../../../shared/fault.ts'
import { type Finding, failed, passed, skipped, warned } from './checks.ts'

const mostMs = 60_000

/** Stamps have whole seconds, and their way took time: a second or two is nothing. */
export function compareClocks(check: 'clock-cloud' | 'clock-directory', about: string, otherMs: number, clock: Clock): Finding {
  const aheadMs = clock.now() - otherMs
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const text = `this machine's clock is ${seconds} s ${aheadMs < 0 ? 'behind' : 'ahead'}`
  if (Math.abs(aheadMs) <= mostMs) return passed(check, about, text)
  return check === 'clock-cloud' ? failed(check, about, text) : warned(check, about, text)
}

export interface CloudClock {
  url: string
  ca: string | undefined
  clock: Clock
  limitMs: number
}

/**
 * By the Date header of the vault's answer, whatever that is. A message that could be peeked at says when it was enqueued, not
 * what time it is now, and the queue is empty as a rule.
 */
export async function checkCloudClock({ url, ca, clock, limitMs }: CloudClock): Promise<Finding> {
  const about = 'by the Date of Key Vault'
  try {
    const dateMs = await dateOf(url, ca, clock.deadline(limitMs))
    if (Number.isNaN(dateMs)) return skipped('clock-cloud', about, 'its answer has no date')
    return compareClocks('clock-cloud', about, dateMs, clock)
  } catch (error) {
    return skipped('clock-cloud', about, `it did not answer (${faultWord(error)})`)
  }
}

/** ms; NaN without a usable header. */
const dateOf = (url: string, ca: string | undefined, signal: AbortSignal): Promise<number> =>
  new Promise((resolve, reject) => {
    const request = get(url, { agent: false, signal, ...(ca !== undefined && { ca }) }, (response) => {
      response.resume()
      response.once('error', reject)
      resolve(Date.parse(response.headers.date ?? ''))
    })
    request.once('error', reject)
  })
