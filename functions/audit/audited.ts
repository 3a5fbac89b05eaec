/**
 * A handler of an administrators' route whose every call leaves an entry: before it does anything, and how it ended.
 *
 * Without the first entry it does nothing. A second entry that cannot be written does not make an answer of something
 * that has happened wrong: the log tells it in either case. Where calls have a ceiling, the first beyond it leaves one entry more,
 * and the others none. A passing fault after the first entry may have left part of it done
 * (the feature off, an agent revoked), and is not answered with the edge's "changed nothing".
 */
import { faultWord, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { MayAct } from '../admin/ceiling.ts'
import type { AdministratorCall, AdministratorHandler } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Audit } from './audit.ts'

export interface AuditedDeps {
  audit: Pick<Audit, 'begin'>
  log: Log
  /** Whether this administrator may call at all now; absent: always. */
  mayAct?: (administrator: string) => Promise<MayAct>
}

export function audited<B>(action: string, handler: AdministratorHandler<B>, { audit, log, mayAct }: AuditedDeps): AdministratorHandler<B> {
  return async (call) => {
    const may = (await mayAct?.(call.administrator.id)) ?? 'yes'
    if (may === 'no') {
      log('administratorActed', { route: action, administrator: call.administrator.id, outcome: 'tooManyActs' })
      return problem('tooManyActs')
    }
    const end = await audit.begin(entryOf(action, call))
    const write = async (outcome: string, request?: string) => {
      const facts = { route: action, administrator: call.administrator.id, outcome, request }
      const written = await end(outcome, request).catch(faultWord)
      log('administratorActed', { ...facts, ...(typeof written === 'string' && { fault: written }) })
    }
    try {
      const answer = may === 'yes' ? await handler(call) : problem('tooManyActs')
      await write(outcomeOf(answer), typeof answer.body['request'] === 'string' ? answer.body['request'] : undefined)
      return answer
    } catch (error) {
      const fault = faultWord(error)
      await write(fault)
      if (!isFault(error) || error.permanent || error.code === 'STORE_CONFLICT') throw error
      log('handlerFailed', { route: action, fault })
      return problem('inDoubt')
    }
  }
}

/** Longer than any id that we know. */
const maxSubject = 64

function entryOf(action: string, { administrator: { id, role }, params, body }: AdministratorCall) {
  // As the steps name people; the address may write an id in capitals.
  const subject = params['id']?.slice(0, maxSubject).toLowerCase()
  const { reason } = (body ?? {}) as { reason?: unknown }
  return { who: id, role, action, ...(subject !== undefined && { subject }), ...(typeof reason === 'string' && { reason }) }
}

function outcomeOf({ status, body }: Answer): string {
  if (typeof body['code'] === 'string') return body['code']
  return status >= 300 ? `status.${status}` : status === 202 ? 'accepted' : 'done'
}
