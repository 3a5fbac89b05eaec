/** Rules about the password: the domain's, a fine-grained policy's, a filter's. */
import { reset } from '../../../../local/directory/testing.ts'
import type { UserFacts } from '../../../../local/samba/control.ts'
import { first, fresh } from '../bench.ts'
import type { FineGrained, Lab } from '../lab.ts'
import { type Cause, cause, type Expected, restriction } from './cause.ts'

export const bannedInNorth = 'Fjord'
const hourMs = 3_600_000

const byNames: Expected = { samba: '0', 'stand-in': restriction.reset, why: 'Samba does not look for names; Windows does' }

/** Without hints, so that neither history nor age stand in the way. */
const passwordsBefore =
  (...passwords: string[]) =>
  async ({ service }: Lab, { dn }: UserFacts) => {
    for (const password of passwords) await service.modify(dn, reset(password))
  }
const cycle = (count: number) => Array.from({ length: count }, (_, n) => `Cycle#Word-${n}`)

const young = { minPwdAgeMs: hourMs }
const underPolicy = (change: Parameters<Lab['setPolicy']>[0]) => (lab: Lab) => lab.setPolicy(change)

const finePolicy =
  (rules: FineGrained) =>
  (lab: Lab, { dn }: UserFacts) =>
    lab.finePolicy(dn, rules)
const readablePolicy =
  (rules: FineGrained) =>
  async (lab: Lab, { dn }: UserFacts) =>
    lab.letRead(await lab.finePolicy(dn, rules))
const groupPolicy =
  (rules: FineGrained) =>
  async (lab: Lab, { dn, sam }: UserFacts) => {
    const group = await lab.newGroup(`Policy of ${sam}`)
    await lab.addToGroup(group, dn)
    return lab.finePolicy(group, rules)
  }

export const domainCauses: readonly Cause[] = [
  cause('length', 'reset', { password: 'Short-7' }, restriction.reset),
  cause('length, empty', 'reset', { password: '' }, restriction.reset),
  cause('complexity', 'reset', { password: 'onlylowercase' }, restriction.reset),
  cause('complexity, not asked for', 'reset', { password: 'onlylowercase', prepare: underPolicy({ complexity: false }) }, '0'),
  cause('account name in the password', 'reset', { password: ({ sam }) => `Xy#${sam.toUpperCase()}#2026` }, byNames),
  cause('display name part in the password', 'reset', { person: { displayName: 'Ada Lovelace' }, password: 'My-lovelace-1843' }, byNames),
  cause('display name part of two characters', 'reset', { person: { displayName: 'Li Yu' }, password: 'Xy-Li-Yu-184300' }, '0'),
  cause('minimum age', 'reset', { prepare: underPolicy(young) }, restriction.reset),
  cause('minimum age, change', 'change', { prepare: underPolicy(young) }, restriction.change),
  cause('minimum age, must change', 'reset', { person: { traits: ['mustChange'] }, prepare: underPolicy(young) }, '0'),
  cause('history, the present one', 'reset', { password: first }, restriction.reset),
  cause('history, the previous one', 'reset', { password: first, prepare: passwordsBefore(fresh) }, restriction.reset),
  cause('history, the oldest that counts', 'reset', { password: first, prepare: passwordsBefore(...cycle(4)) }, restriction.reset),
  cause('history, one older than that', 'reset', { password: first, prepare: passwordsBefore(...cycle(5)) }, '0'),
  cause('history, change', 'change', { password: first, oldPassword: fresh, prepare: passwordsBefore(fresh) }, restriction.change),
  cause('filter', 'reset', { forest: 'north', password: `My-${bannedInNorth.toUpperCase()}-2026` }, restriction.reset),
  cause('filter, change', 'change', { forest: 'north', password: `My-${bannedInNorth}-2026` }, restriction.change),
  cause(
    'filter, no history kept',
    'reset',
    { forest: 'north', password: `My-${bannedInNorth}-2026`, prepare: underPolicy({ pwdHistoryLength: 0 }) },
    restriction.reset,
  ),
  cause('filter, passed', 'reset', { forest: 'north' }, '0'),
]

const twelve = 'Twelve-Long7'

export const fineGrainedCauses: readonly Cause[] = [
  cause('fine-grained length', 'reset', { password: twelve, prepare: finePolicy({ minLength: 13 }) }, restriction.reset),
  cause('fine-grained length, readable', 'reset', { password: twelve, prepare: readablePolicy({ minLength: 13 }) }, restriction.reset),
  cause('fine-grained length, met', 'reset', { password: twelve, prepare: finePolicy({ minLength: 12 }) }, '0'),
  cause('fine-grained length, below the domain’s', 'reset', { password: 'Short-7', prepare: finePolicy({ minLength: 6 }) }, '0'),
  cause('fine-grained by a group', 'reset', { password: twelve, prepare: groupPolicy({ minLength: 13 }) }, restriction.reset),
  cause('fine-grained complexity off', 'reset', { password: 'onlylowercase', prepare: finePolicy({ complexity: false }) }, '0'),
  cause('fine-grained minimum age', 'reset', { prepare: finePolicy({ minAgeMs: hourMs }) }, restriction.reset),
  cause(
    'fine-grained history',
    'reset',
    {
      password: first,
      prepare: async (lab, user) => {
        await lab.finePolicy(user.dn, { historyLength: 10 })
        await passwordsBefore(...cycle(7))(lab, user)
      },
    },
    restriction.reset,
  ),
  cause(
    'fine-grained, the user’s own beats the group’s',
    'reset',
    {
      password: twelve,
      prepare: async (lab, user) => {
        await groupPolicy({ minLength: 13, precedence: 1 })(lab, user)
        await lab.finePolicy(user.dn, { minLength: 12, precedence: 2 })
      },
    },
    '0',
  ),
]
