/**
 * One open request per person, whatever the number of flows and instances: a row that names the flow and the request.
 *
 * It is never removed: it is free when its time has run out, or when its flow has that request behind it. So the one write
 * that ends a turn frees it. While the outcome is unknown a write may still be under way, and the lease holds until it runs out.
 * A request that its flow does not know (its step has not arrived, or another click was faster) holds it too, except against
 * its own flow: who has won the flow's step is the only one of that flow who goes on.
 */
import { isFault } from '../../shared/fault.ts'
import type { Times } from '../../shared/times.ts'
import { type Flow, type FlowDeps, flowTable } from './flow.ts'

export interface LeaseDeps extends Pick<FlowDeps, 'rows' | 'clock'> {
  times: Times
}

export interface LeaseRow {
  until: number
  flow: string
  request: string
}

const graceMs = 10_000
const place = (personId: string) => ['state', 'lease', personId] as const

/** For the first request of a person. False: there is a lease already. */
export function placeLease(personId: string, flow: string, request: string, deps: LeaseDeps): Promise<boolean> {
  return unlessTaken(deps.rows.insert(...place(personId), newLease(flow, request, deps)))
}

/** Only for whoever has won the step of its flow. False: another flow's request is under way. */
export async function takeOverLease(personId: string, flow: string, request: string, deps: LeaseDeps): Promise<boolean> {
  const old = await deps.rows.read<LeaseRow>(...place(personId))
  if (old === undefined) return placeLease(personId, flow, request, deps)
  if (old.value.flow !== flow && (await isHeld(old.value, deps))) return false
  // Not as it was read: another flow's by now, or the same under the next state key (rows.ts, renew).
  const taken = await unlessTaken(deps.rows.replace(...place(personId), newLease(flow, request, deps), old.etag))
  return taken || takeOverLease(personId, flow, request, deps)
}

const newLease = (flow: string, request: string, { clock, times }: LeaseDeps): LeaseRow => ({
  until: clock.now() + times.answerMs + graceMs,
  flow,
  request,
})

async function isHeld(lease: LeaseRow, { rows, clock }: LeaseDeps): Promise<boolean> {
  if (lease.until <= clock.now()) return false
  const flow = await rows.read<Flow>(flowTable, lease.flow, 'flow')
  if (flow?.value.request?.id !== lease.request) return true
  return flow.value.state === 'submitted' || flow.value.outcome?.kind === 'unknown'
}

async function unlessTaken(write: Promise<string>): Promise<boolean> {
  try {
    await write
    return true
  } catch (error) {
    if (isFault(error, 'STORE_CONFLICT')) return false
    throw error
  }
}
