/**
 * The queue-triggered half of a challenge: finds the person and sends the code.
 *
 * The only place before a passed gate that looks anybody up. A known and an unknown name do the same work and write the
 * same row; only the mail is missing, and nobody outside can see that. The code exists here and in the mail; the row
 * holds its HMAC. Running twice for one challenge (the queue is at-least-once) sends one mail: the first run wins.
 */
import { randomInt } from 'node:crypto'
import * as z from 'zod'
import type { Clock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { Macs } from '../keys/mac.ts'
import { type Challenge, type Flow, flowTable } from '../reset/flow.ts'
import type { Rows } from '../store/rows.ts'
import { gates } from './gate.ts'

/** What lies on the storage queue: public ids only. */
export const challengeMessage = z.strictObject({ flow: z.string(), challenge: z.string() })

export interface DeliverDeps {
  rows: Pick<Rows, 'read' | 'replace'>
  macs: Pick<Macs, 'make'>
  people: { byName(username: string): Promise<{ id: string; mailAddress?: string | undefined; enabled: boolean } | undefined> }
  mail: { sendCode(to: string, code: string, validMinutes: number): Promise<void> }
  clock: Clock
  log: Log
}

export async function deliverChallenge(message: unknown, deps: DeliverDeps): Promise<void> {
  const { rows, macs, people, mail, clock, log } = deps
  const { flow: flowId, challenge: nonce } = challengeMessage.parse(message)
  const row = await rows.read<Flow>(flowTable, flowId, 'flow')
  const challenge = row?.value.challenge
  const pending = challenge?.nonce === nonce && challenge.code === undefined && clock.now() < challenge.expiresAt
  if (!row || !challenge || !pending) return

  const { codeDigits, validMs } = gates[challenge.gate]
  const code = String(randomInt(10 ** codeDigits)).padStart(codeDigits, '0')
  const person = await people.byName(row.value.username)
  const delivered = { ...challenge, code: await macs.make('code', [flowId, nonce, code]), personId: person?.id }
  try {
    await rows.replace<Flow>(flowTable, flowId, 'flow', { ...row.value, challenge: delivered }, row.etag)
  } catch (error) {
    // A wrong code was typed meanwhile, or another run was faster: only the row as it is now can tell.
    if (isFault(error, 'STORE_CONFLICT')) return deliverChallenge(message, deps)
    throw error
  }
  if (!person?.enabled || person.mailAddress === undefined) return
  try {
    await mail.sendCode(person.mailAddress, code, validMs / 60_000)
  } catch (error) {
    await withdraw(flowId, delivered, deps)
    throw error
  }
  log('codeSent', { flow: flowId, gate: challenge.gate })
}

/** Nobody has this code: the queue's next try makes another one. The row is read again, for a guess may have changed it. */
async function withdraw(flowId: string, delivered: Challenge, deps: DeliverDeps): Promise<void> {
  const row = await deps.rows.read<Flow>(flowTable, flowId, 'flow')
  if (!row || row.value.challenge?.code !== delivered.code) return
  const challenge: Challenge = { ...delivered, code: undefined, personId: undefined }
  try {
    await deps.rows.replace<Flow>(flowTable, flowId, 'flow', { ...row.value, challenge }, row.etag)
  } catch (error) {
    if (isFault(error, 'STORE_CONFLICT')) return withdraw(flowId, delivered, deps)
    throw error
  }
}
