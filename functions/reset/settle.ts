/**
 * The truth arrives late: by a reply after its answer was given, or by an agent's `settled` event.
 *
 * Updates the flow and writes to the person, once: a request that already has a final outcome keeps it. An outcome that
 * is still `unknown` settles nothing.
 */
import { faultWord, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { Outcome } from '../../shared/outcome.ts'
import type { Steps } from '../audit/steps.ts'
import type { Mail } from '../mail/smtp.ts'
import type { Asked } from '../mail/texts.ts'
import { lateOutcome } from '../operations.ts'
import type { Rows } from '../store/rows.ts'
import { type Flow, flowOfRequest, saveFlow, stateAfter } from './flow.ts'
import { toldAs } from './told.ts'

export interface SettleDeps {
  rows: Pick<Rows, 'read' | 'replace'>
  people: { byId(id: string): Promise<{ mailAddress?: string | undefined } | undefined> }
  mail: Pick<Mail, 'sendOutcome'>
  steps: Pick<Steps, 'add'>
  log: Log
}

/** Whether that request still waits for its last word. */
export async function isOpen(messageId: string, { rows }: Pick<SettleDeps, 'rows'>): Promise<boolean> {
  const flow = await flowOfRequest(messageId, rows)
  return flow !== undefined && awaitsOutcome(flow.value)
}

const awaitsOutcome = ({ state, outcome }: Flow) => state === 'submitted' || outcome?.kind === 'unknown'

export async function settle(messageId: string, found: Outcome, deps: SettleDeps): Promise<void> {
  if (found.kind === 'unknown') return
  const flow = await flowOfRequest(messageId, deps.rows)
  if (!flow || !awaitsOutcome(flow.value)) return
  const { person, by, request } = flow.value
  const asked = request?.operation ?? 'reset'
  const outcome = toldAs(lateOutcome(found, asked, person?.signIn), request?.operation)
  try {
    await saveFlow(flow, { state: stateAfter(outcome, request?.from), outcome }, deps)
  } catch (error) {
    if (isFault(error, 'STORE_CONFLICT')) return settle(messageId, found, deps)
    throw error
  }
  const what = { operation: request?.operation ?? (by === undefined ? 'reset' : 'adminReset'), outcome: outcome.kind } as const
  deps.steps.add({ event: 'settled', request: messageId, flow: flow.id, ...what, subject: person?.id, who: by })
  // Who reset somebody else's password is told by the audit; the person did not ask for it.
  if (by === undefined) await tell(person?.id, outcome, asked, deps)
}

/** The outcome is recorded; a mail that cannot be sent is logged and does not undo that. */
async function tell(personId: string | undefined, outcome: Outcome, asked: Asked, { people, mail, log }: SettleDeps): Promise<void> {
  try {
    const person = personId === undefined ? undefined : await people.byId(personId)
    if (person?.mailAddress !== undefined) await mail.sendOutcome(person.mailAddress, outcome, asked)
  } catch (error) {
    log('handlerFailed', { route: 'settle', fault: faultWord(error) })
  }
}
