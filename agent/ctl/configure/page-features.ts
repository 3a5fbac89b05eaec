/** The page "Optional features": a box. Password writeback belongs to the whole tenant, not to this agent. */
import { explain } from '../explain.ts'
import type { Draft, Kit } from './draft.ts'

const feature = 'writeback'

export async function optionalFeatures(draft: Draft, { ask }: Kit): Promise<Draft> {
  if (draft.service === undefined) {
    ask.note('Optional features', ['No administrator has signed in: password writeback stays as it is.'])
    return { ...draft, writeback: 'asItIs' }
  }
  const state = await draft.service.writeback().catch(explain)
  if (typeof state === 'string') {
    ask.note('Optional features', [`Password writeback stays as it is: ${state}.`])
    return { ...draft, writeback: 'asItIs' }
  }
  const { on } = state
  const box = { value: feature, label: 'Password writeback', hint: on ? 'is on' : 'is off' } as const
  const ticked = (
    await ask.tick('Optional features', [box], (draft.writeback === 'asItIs' ? on : draft.writeback === 'on') ? [feature] : [])
  ).includes(feature)
  if (ticked === on) return { ...draft, writeback: 'asItIs' }
  if (!ticked && (await ask.choose('Switch password writeback off for everybody in this tenant?', noYes)) === 'no')
    return { ...draft, writeback: 'asItIs' }
  const reason = await ask.text('Why? This goes into the records', { initial: draft.reason, check: problemOfReason })
  return { ...draft, writeback: ticked ? 'on' : 'off', reason }
}

const noYes = [
  { value: 'no', label: 'No, leave it on' },
  { value: 'yes', label: 'Yes' },
] as const

/** As functions/routes.ts takes it. */
export const problemOfReason = (reason: string): string | undefined =>
  reason.length >= 1 && reason.length <= 500 ? undefined : 'must have 1 to 500 characters'
