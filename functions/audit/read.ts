/** GET /api/manage/audit: what administrators did, newest first, 50 at a time. */
import type { AdministratorHandler } from '../http/edge.ts'
import { problem } from '../http/problem.ts'
import { type Audit, isPlace } from './audit.ts'

export const readAudit =
  ({ audit }: { audit: Pick<Audit, 'page'> }): AdministratorHandler<undefined> =>
  async ({ query }) => {
    const before = query.get('before') ?? undefined
    if (before !== undefined && !isPlace(before)) return problem('invalidQuery', { fields: ['before'] })
    const { entries, next, rejected } = await audit.page(before)
    return { status: 200, body: { entries: entries.map((entry) => ({ ...entry })), next, rejected } }
  }
