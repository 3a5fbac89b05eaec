/**
 * Which password rules apply: the domain's, or those of the fine-grained policy the directory names for a user
 * (msDS-ResultantPSO, [MS-ADTS] 3.1.1.4.5.36). Kept for a minute.
 *
 * By default only administrators can read a fine-grained policy. Rules that cannot be read are `undefined`, never the
 * domain's: a wrong rule would refuse a good password or name the wrong reason.
 */
import type { Clock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import type { User } from './account.ts'
import type { Connection } from './connection.ts'
import type { Pdc } from './pdc.ts'
import { integerOf, type Row, readBase, required, textOf } from './rows.ts'

export interface Policy extends PolicyFacts {
  minAgeMs: number
  /** After this long without a wrong attempt the count starts anew. */
  lockoutWindowMs: number
}

const keptMs = 60_000
/** What the wire carries (shared/payload.ts). */
const most = { minLength: 255, historyLength: 1024, minAgeMinutes: 2_000_000, lockoutThreshold: 255, lockoutMinutes: 65_535 } as const

const domainNames = {
  minLength: 'minPwdLength',
  historyLength: 'pwdHistoryLength',
  complexity: 'pwdProperties',
  minAge: 'minPwdAge',
  lockoutThreshold: 'lockoutThreshold',
  lockoutWindow: 'lockOutObservationWindow',
}
const fineGrainedNames: typeof domainNames = {
  minLength: 'msDS-MinimumPasswordLength',
  historyLength: 'msDS-PasswordHistoryLength',
  complexity: 'msDS-PasswordComplexityEnabled',
  minAge: 'msDS-MinimumPasswordAge',
  lockoutThreshold: 'msDS-LockoutThreshold',
  lockoutWindow: 'msDS-LockoutObservationWindow',
}

export interface Policies {
  ofDomain(pdc: Pdc): Promise<Policy>
  /** undefined: a fine-grained policy applies that the service account cannot read. */
  of(pdc: Pdc, user: User): Promise<Policy | undefined>
}

export function keepPolicies(clock: Clock): Policies {
  const kept = new Map<string, { policy: Policy | undefined; until: number }>()
  const of = async ({ connection }: Pdc, dn: string, names: typeof domainNames) => {
    const known = kept.get(dn)
    if (known && clock.monotonic() < known.until) return known.policy
    const policy = await read(connection, dn, names)
    kept.set(dn, { policy, until: clock.monotonic() + keptMs })
    return policy
  }
  const ofDomain = async (pdc: Pdc) => required(await of(pdc, pdc.domainHead, domainNames), 'the password policy')
  return {
    ofDomain,
    of: (pdc, { policyObject }) => (policyObject === undefined ? ofDomain(pdc) : of(pdc, policyObject, fineGrainedNames)),
  }
}

async function read(connection: Connection, dn: string, names: typeof domainNames): Promise<Policy | undefined> {
  try {
    return toPolicy(await readBase(connection, dn, Object.values(names)), names)
  } catch (error) {
    if (isFault(error, 'DIRECTORY_REFUSED')) return undefined
    throw error
  }
}

function toPolicy(row: Row, names: typeof domainNames): Policy | undefined {
  const minLength = integerOf(row, names.minLength)
  const historyLength = integerOf(row, names.historyLength)
  const complexity = textOf(row, names.complexity)
  if (minLength === undefined || historyLength === undefined || complexity === undefined) return undefined
  const minAgeMs = intervalMs(integerOf(row, names.minAge))
  const lockoutWindowMs = intervalMs(integerOf(row, names.lockoutWindow))
  return {
    minLength: within(minLength, most.minLength),
    historyLength: within(historyLength, most.historyLength),
    complexity: isComplex(complexity),
    minAgeMinutes: minutes(minAgeMs, most.minAgeMinutes),
    minAgeMs,
    lockoutThreshold: within(integerOf(row, names.lockoutThreshold) ?? 0n, most.lockoutThreshold),
    lockoutMinutes: minutes(lockoutWindowMs, most.lockoutMinutes),
    lockoutWindowMs,
  }
}

/** A number that does not fit the wire would cost the heartbeat or the reply that carries it. */
const within = (value: bigint, greatest: number): number => Math.min(Math.max(Number(value), 0), greatest)

const minutes = (ms: number, greatest: number): number => Math.min(Math.ceil(ms / 60_000), greatest)

/** pwdProperties has DOMAIN_PASSWORD_COMPLEX as its lowest bit ([MS-SAMR], pwdProperties); a fine-grained policy says TRUE. */
const isComplex = (value: string) => value === 'TRUE' || (Number(value) & 1) === 1

/** Intervals are negative counts of 100 ns. */
const intervalMs = (interval = 0n) => (interval > 0n ? 0 : Number(-interval / 10_000n))
