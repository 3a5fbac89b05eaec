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
import { lateOutcome } from '../operations.ts'
import type { Rows } from '../store/rows.ts'
import { type Flow, flowTable, stateAfter } from './flow.ts'
import { toldAs } from './told.ts'
import type { RequestRow } from './turn.ts'

export interface SettleDeps {
  rows: Pick<Rows, 'read' | 'replace'>
  people: { byId(id: string): Promise<{ mailAddress?: string | undefined } | undefined> }
  mail: { sendOutcome(to: string, outcome: Outcome): Promise<void> }
  steps: Pick<Steps, 'add'>
  log: Log
}

/** Whether that request still waits for its last word. */
export async function isOpen(messageId: string, { rows }: Pick<SettleDeps, 'rows'>): Promise<boolean> {
  const request = await rows.read<RequestRow>(flowTable, 'requests', messageId)
  const row = request && (await rows.read<Flow>(flowTable, request.value.flow, 'flow'))
  return row?.value.request?.id === messageId && awaitsOutcome(row.value)
}

const awaitsOutcome = ({ state, outcome }: Flow) => state === 'submitted' || outcome?.kind === 'unknown'

export async function settle(messageId: string, found: Outcome, deps: SettleDeps): Promise<void> {
  if (found.kind === 'unknown') return
  const request = await deps.rows.read<RequestRow>(flowTable, 'requests', messageId)
  const row = request && (await deps.rows.read<Flow>(flowTable, request.value.flow, 'flow'))
  if (!request || !row || row.value.request?.id !== messageId) return
  if (!awaitsOutcome(row.value)) return
  const { operation } = row.value.request
  const outcome = toldAs(lateOutcome(found, operation ?? 'reset', row.value.person?.signIn), operation)
  try {
    await deps.rows.replace<Flow>(
      flowTable,
      request.value.flow,
      'flow',
      { ...row.value, state: stateAfter(outcome, row.value.request.from), outcome },
      row.etag,
    )
  } catch (error) {
    if (isFault(error, 'STORE_CONFLICT')) return settle(messageId, found, deps)
    throw error
  }
  const { person, by } = row.value
  const what = { operation: operation ?? (by === undefined ? 'reset' : 'adminReset'), outcome: outcome.kind } as const
  deps.steps.add({ event: 'settled', request: messageId, flow: request.value.flow, ...what, subject: person?.id, who: by })
  // Who reset somebody else's password is told by the audit; the person did not ask for it.
  if (by === undefined) await tell(person?.id, outcome, deps)
}

/** The outcome is recorded; a mail that cannot be sent is logged and does not undo that. */
async function tell(personId: string | undefined, outcome: Outcome, { people, mail, log }: SettleDeps): Promise<void> {
  try {
    const person = personId === undefined ? undefined : await people.byId(personId)
    if (person?.mailAddress !== undefined) await mail.sendOutcome(person.mailAddress, outcome)
  } catch (error) {
    log('handlerFailed', { route: 'settle', fault: faultWord(error) })
  }
}
