/**
 * Password policy: the domain's own, or the password settings object (PSO) that wins for one user.
 *
 * Read from the entries each time, as administrators change them with an ordinary modify. Resolution of PSOs:
 * [MS-ADTS] 3.1.1.4.5, msDS-ResultantPSO: objects linked to the user beat those linked to groups, the lowest precedence wins, then the
 * smallest GUID.
 */
import { type Entry, nameOf, type Tree } from './entries.ts'
import { intervalMs } from './identifiers.ts'
import { groupsOf } from './membership.ts'

export interface PasswordPolicy {
  minLength: number
  complexity: boolean
  historyLength: number
  minAgeMs: number
  /** Infinity: passwords do not expire. */
  maxAgeMs: number
  /** 0: accounts are never locked. */
  lockoutThreshold: number
  lockoutWindowMs: number
  /** Infinity: until somebody unlocks. */
  lockoutMs: number
}

/** DOMAIN_PASSWORD_COMPLEX ([MS-SAMR], pwdProperties). */
export const complexityBit = 1n

const ms = (entry: Entry, name: string): number => intervalMs(entry.attributes.integer(name) ?? 0n)
/** In a maximum age or a lock-out duration, 0 means for ever. */
const orForever = (value: number): number => (value === 0 ? Number.POSITIVE_INFINITY : value)

function ofDomain(head: Entry): PasswordPolicy {
  return {
    minLength: head.attributes.number('minPwdLength'),
    complexity: ((head.attributes.integer('pwdProperties') ?? 0n) & complexityBit) !== 0n,
    historyLength: head.attributes.number('pwdHistoryLength'),
    minAgeMs: ms(head, 'minPwdAge'),
    maxAgeMs: orForever(ms(head, 'maxPwdAge')),
    lockoutThreshold: head.attributes.number('lockoutThreshold'),
    lockoutWindowMs: ms(head, 'lockOutObservationWindow'),
    lockoutMs: orForever(ms(head, 'lockoutDuration')),
  }
}

function ofSettingsObject(pso: Entry): PasswordPolicy {
  return {
    minLength: pso.attributes.number('msDS-MinimumPasswordLength'),
    complexity: pso.attributes.text('msDS-PasswordComplexityEnabled') === 'TRUE',
    historyLength: pso.attributes.number('msDS-PasswordHistoryLength'),
    minAgeMs: ms(pso, 'msDS-MinimumPasswordAge'),
    maxAgeMs: orForever(ms(pso, 'msDS-MaximumPasswordAge')),
    lockoutThreshold: pso.attributes.number('msDS-LockoutThreshold'),
    lockoutWindowMs: ms(pso, 'msDS-LockoutObservationWindow'),
    lockoutMs: orForever(ms(pso, 'msDS-LockoutDuration')),
  }
}

export function resultantPso(tree: Tree, user: Entry): Entry | undefined {
  const objects = [...tree.ofClass('msDS-PasswordSettings')]
  if (objects.length === 0) return undefined
  const appliesTo = (names: readonly string[]) =>
    objects.filter((pso) => pso.attributes.texts('msDS-PSOAppliesTo').some((applied) => names.includes(applied.toLowerCase())))
  const own = appliesTo([nameOf(user).toLowerCase()])
  const candidates = own.length > 0 ? own : appliesTo(groupsOf(tree, user).map((group) => nameOf(group).toLowerCase()))
  return candidates.toSorted(byPrecedence)[0]
}

function byPrecedence(one: Entry, other: Entry): number {
  const order = one.attributes.number('msDS-PasswordSettingsPrecedence') - other.attributes.number('msDS-PasswordSettingsPrecedence')
  const guid = (entry: Entry) => entry.attributes.values('objectGUID')[0] ?? Buffer.alloc(0)
  return order === 0 ? Buffer.compare(guid(one), guid(other)) : order
}

export function policyFor(tree: Tree, head: Entry, user: Entry): PasswordPolicy {
  const pso = resultantPso(tree, user)
  return pso === undefined ? ofDomain(head) : ofSettingsObject(pso)
}
