/**
 * Who may do what to whose password, and where it happens: one table, which docs/operations.md shows and test/docs.test.ts compares.
 *
 * Where: on-premises (sealed, over the bus), there and then in the cloud, in the cloud alone (no message on the bus), or nowhere here.
 * On-premises comes first wherever it comes at all: what it refuses is refused, and what it has done is done, whatever the
 * cloud says afterwards.
 */
import type { Outcome } from '../shared/outcome.ts'
import type { SignInType } from './entra/sign-in-type.ts'

export type Place = 'onPremises' | 'onPremisesThenCloud' | 'cloud' | 'nowhere'

/** As they go over the wire (shared/payload.ts); `change` is both the voluntary and the forced one. */
export type PersonOperation = 'reset' | 'change' | 'adminReset' | 'unlock' | 'check'

const onPremises = {
  reset: 'onPremises',
  change: 'onPremises',
  adminReset: 'onPremises',
  unlock: 'onPremises',
  check: 'onPremises',
} as const

export const places = {
  // The cloud directory compares a current password for the person alone, not for an application; it has its own page for that.
  cloudOnly: { reset: 'cloud', change: 'nowhere', adminReset: 'cloud', unlock: 'nowhere', check: 'nowhere' },
  passwordHash: {
    ...onPremises,
    reset: 'onPremisesThenCloud',
    change: 'onPremisesThenCloud',
    adminReset: 'onPremisesThenCloud',
  },
  federated: onPremises,
  passThrough: onPremises,
} as const satisfies Record<SignInType, Record<PersonOperation, Place>>

/** Not known how they sign in: on-premises alone. */
export const placeOf = (operation: PersonOperation, signIn: SignInType | undefined): Place =>
  signIn === undefined ? 'onPremises' : places[signIn][operation]

/** `wire`: as which it goes on. `gates`: how many have to be passed, or the role that is needed. */
export interface Way {
  who: 'user' | 'administrator, for themselves' | 'administrator or help desk, for a user'
  what: string
  wire: PersonOperation
  gates: string
  mustChange: boolean
}

const self = [
  { what: 'voluntary change', wire: 'change' },
  { what: 'forced change (expired, must change)', wire: 'change' },
  { what: 'reset', wire: 'reset' },
  { what: 'unlock without reset', wire: 'unlock' },
] as const

export const ways: readonly Way[] = [
  ...self.map((way): Way => ({ who: 'user', ...way, gates: 'policy', mustChange: false })),
  ...self.map((way): Way => ({ who: 'administrator, for themselves', ...way, gates: 'two', mustChange: false })),
  ...(['adminReset', 'unlock', 'check'] as const).map(
    (wire): Way => ({
      who: 'administrator or help desk, for a user',
      what: wire === 'adminReset' ? 'reset (given, or generated and shown once)' : wire,
      wire,
      gates: 'role',
      mustChange: wire === 'adminReset',
    }),
  ),
]

/** What is known late is known of the directory alone: nobody has the password any more, and the cloud gets it by the next synchronization. */
export const lateOutcome = (outcome: Outcome, operation: PersonOperation, signIn: SignInType | undefined): Outcome =>
  outcome.kind === 'done' && placeOf(operation, signIn) === 'onPremisesThenCloud' ? { kind: 'doneCloudPending' } : outcome
