/**
 * The operations about no person: `onboard` proves that both keys are in this agent's hands, `offboard` says goodbye.
 *
 * A probe is opened like a password, by the vault, under the password key version that the request names; what goes back is
 * an HMAC of it under the reply's key, which takes the package key too (docs/protocol.md, Reply). No directory, no lane.
 */
import type { Operation } from '../shared/payload.ts'
import type { ResetResult } from './reset.ts'

export interface OnboardJob {
  /** The answer to the request's probe; undefined when its blob was refused. */
  proof(): Promise<Buffer | undefined>
}

async function onboard(job: OnboardJob): Promise<ResetResult> {
  const proof = await job.proof()
  return proof === undefined ? { outcome: { kind: 'rejected' } } : { outcome: { kind: 'done' }, proof }
}

/** Nothing to do: the functions have switched the feature off before they say so, and send nothing more. */
const offboard = async (): Promise<ResetResult> => ({ outcome: { kind: 'done' } })

export const aboutNobody: Partial<Record<Operation, (job: OnboardJob) => Promise<ResetResult>>> = { onboard, offboard }
