/** Changes with the old password, what counts towards a lock-out, and unlocking alone. */
import type { UserFacts } from '../../../../local/samba/control.ts'
import { fresh } from '../bench.ts'
import type { Lab } from '../lab.ts'
import { type Cause, cause, restriction } from './cause.ts'

const wrong = 'Wrong!Pass2026'
const mismatch = '19 00000056'
const locked = '19 00000775'

const badBinds =
  (count: number) =>
  async (lab: Lab, { dn }: UserFacts) => {
    for (let guess = 0; guess < count; guess++) await lab.bind(dn, `Wrong!Guess-${guess}`)
  }

export const changeCauses: readonly Cause[] = [
  cause('change', 'change', {}, '0', { after: { passwordWrites: 1 }, bindAfter: '0' }),
  cause('change, wrong old password', 'change', { oldPassword: wrong }, mismatch, { after: { badPwdCount: 1, passwordWrites: 0 } }),
  cause('change, old and new are wrong', 'change', { oldPassword: wrong, password: 'Short-7' }, mismatch, { after: { badPwdCount: 1 } }),
  cause('change, locked', 'change', { person: { traits: ['locked'] } }, locked, { after: { locked: true, passwordWrites: 0 } }),
  cause('change, locked, wrong old password', 'change', { person: { traits: ['locked'] }, oldPassword: wrong }, locked),
  cause('change, too short', 'change', { password: 'Short-7' }, restriction.change),
  cause('change, must change', 'change', { person: { traits: ['mustChange'] } }, '0', { after: { mustChange: false }, bindAfter: '0' }),
  cause('change, password expired', 'change', { prepare: (lab) => lab.setPolicy({ maxPwdAgeMs: 1 }) }, '0'),
  cause('change, account expired', 'change', { person: { traits: ['expired'] } }, '0', { bindAfter: '49 701' }),
  cause('change, disabled', 'change', { person: { traits: ['disabled'] } }, '0', { bindAfter: '49 533' }),
  cause(
    'change, cannot change',
    'change',
    { person: { traits: ['cannotChange'] } },
    {
      samba: '19',
      'stand-in': '19 00000005',
      why: 'Samba gives no digits; Windows is reported to give these',
    },
  ),
  cause('change, smart card required', 'change', { person: { traits: ['smartCard'] } }, mismatch),
  cause('change, outside the scope', 'change', { person: { traits: ['outOfScope'] } }, '0', { bindAfter: '0' }),
]

export const lockoutCauses: readonly Cause[] = [
  cause('three bad binds', 'reset', { prepare: badBinds(3) }, '0', { after: { locked: false, badPwdCount: 3 } }),
  cause('three bad binds, unlocked', 'unlock', { prepare: badBinds(3) }, '0', { after: { locked: false, badPwdCount: 0 } }),
  cause('one bad bind below the threshold', 'change', { prepare: badBinds(9) }, '0', { after: { locked: false } }),
  cause('the wrong old password that locks', 'change', { prepare: badBinds(9), oldPassword: wrong }, mismatch, {
    after: { locked: true, badPwdCount: 10 },
  }),
  cause('locked by bad binds', 'change', { prepare: badBinds(10) }, locked, { after: { locked: true, badPwdCount: 10 } }),
  cause('locked by bad binds, reset', 'reset', { prepare: badBinds(10) }, '0', { after: { locked: true }, bindAfter: '49 775' }),
  cause('locked by bad binds, reset and unlocked', 'resetAndUnlock', { prepare: badBinds(10) }, '0', {
    after: { locked: false, badPwdCount: 0 },
    bindAfter: '0',
  }),
  cause(
    'locked by a fine-grained threshold',
    'change',
    {
      prepare: async (lab, user) => {
        await lab.finePolicy(user.dn, { lockoutThreshold: 2 })
        await badBinds(2)(lab, user)
      },
    },
    locked,
    { after: { locked: true, badPwdCount: 2 } },
  ),
  cause('unlock alone', 'unlock', { person: { traits: ['locked'] } }, '0', { after: { locked: false, passwordWrites: 0 } }),
  cause('unlock alone, after bad binds', 'unlock', { prepare: badBinds(10) }, '0', { after: { locked: false, badPwdCount: 0 } }),
  cause('unlock who is not locked', 'unlock', {}, '0', { after: { locked: false } }),
  cause('unlock who is disabled', 'unlock', { person: { traits: ['disabled', 'locked'] } }, '0', { after: { locked: false } }),
  cause(
    'unlock a protected account, after SDProp',
    'unlock',
    { prepare: (lab, { dn }) => lab.blockInheritance(dn), password: fresh },
    '50 00002098',
  ),
]
