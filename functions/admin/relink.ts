/** POST /api/manage/users/{id}/relink: an administrator says, with a reason, that a changed pair of anchors is right. */
import type { Log } from '../../shared/log.ts'
import { isSourceAnchor } from '../../shared/payload.ts'
import type { AdministratorCall } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import { type PinDeps, pinAnew } from '../reset/pin.ts'

export interface RelinkDeps extends PinDeps {
  people: { byId(id: string): Promise<{ id: string; synchronized: boolean; sourceAnchor?: string | undefined } | undefined> }
  log: Log
}

export const relink =
  (deps: RelinkDeps) =>
  async ({ params, body, administrator }: AdministratorCall<{ reason: string }>): Promise<Answer> => {
    const person = await deps.people.byId(params['id'] ?? '')
    if (person === undefined) return problem('unknownUser')
    const { synchronized, sourceAnchor } = person
    if (!synchronized || sourceAnchor === undefined || !isSourceAnchor(sourceAnchor)) return problem('notSynchronized')
    const { changed } = await pinAnew(person.id, sourceAnchor, body.reason, deps)
    deps.log('relinked', { person: person.id, administrator: administrator.id })
    return { status: 200, body: { user: person.id, changed } }
  }
