/**
 * From a wish to its outcome, wherever the person's password is: sealed, sent and awaited; or the cloud alone; or both in this order.
 *
 * For both, a second copy of the password waits for the agent's answer and is wiped with it. "Done" on-premises stays a change
 * whatever the cloud says then, and what on-premises has not done the cloud is not asked for.
 */
import { type Outcome, outcomes } from '../../shared/outcome.ts'
import { Secret } from '../../shared/secret.ts'
import type { CloudPasswords } from '../entra/cloud-password.ts'
import type { Call } from '../http/edge.ts'
import { placeOf } from '../operations.ts'
import type { Ask } from '../relay/ask.ts'
import type { Seal, SealTurn, Wish } from '../relay/seal.ts'
import type { FlowPerson } from './flow.ts'

export interface WriteDeps extends Pick<Ask, 'ask'> {
  seal: Seal
  cloudPasswords: CloudPasswords
  /** Hears that it is on its way, unless the caller has somebody of its own for that. */
  submitted: Submitted
}

/** Whoever has the person's turn; without a source anchor only the cloud can be meant. */
export type WriteTurn = Omit<SealTurn, 'person'> & { person: FlowPerson }
export type Submitted = (turn: WriteTurn, wish: Wish) => void
export type Write = (turn: WriteTurn, wish: Wish, call: Pick<Call, 'deadline' | 'traceparent'>, submitted?: Submitted) => Promise<Outcome>

export const createWrite =
  ({ seal, ask, cloudPasswords, submitted: standard }: WriteDeps): Write =>
  async (turn, wish, { deadline, traceparent }, submitted = standard) => {
    const { id: personId, signIn, sourceAnchor } = turn.person
    const place = placeOf(wish.operation, signIn)
    const wanted = 'newPassword' in wish ? { personId, password: wish.newPassword, mustChange: wish.mustChange } : undefined
    if (place === 'cloud' && wanted) {
      submitted(turn, wish)
      return cloudPasswords.alone(wanted, deadline)
    }
    if (place === 'nowhere' || sourceAnchor === undefined) return { kind: 'cloudOnly' }

    using copy = place === 'onPremisesThenCloud' && wanted ? wanted.password.use((value) => new Secret(Buffer.from(value))) : undefined
    const question = await seal({ ...turn, person: { ...turn.person, sourceAnchor } }, wish, traceparent)
    submitted(turn, wish)
    const outcome = await ask(question, deadline)
    if (!copy || !wanted || outcomes[outcome.kind].effect !== 'changed') return outcome
    return cloudPasswords.behind({ ...wanted, password: copy }, deadline)
  }
