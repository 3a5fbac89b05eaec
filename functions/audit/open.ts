/** All of the audit, composed once: what the entry file gives its routes to, and what its timers and its end call. */
import type { Clock } from '../../shared/clock.ts'
import type { Fields, Log } from '../../shared/log.ts'
import { mayAct } from '../admin/ceiling.ts'
import type { Role } from '../entra/admin-token.ts'
import type { AdministratorHandler, Handler } from '../http/edge.ts'
import type { Rows } from '../store/rows.ts'
import type { TableAccess } from '../store/tables.ts'
import { openAudit } from './audit.ts'
import { audited } from './audited.ts'
import { openListing } from './listing.ts'
import { readAudit } from './read.ts'
import { removeOldSteps } from './retain.ts'
import { openSteps } from './steps.ts'
import { witnessed } from './witness.ts'

export interface AuditingDeps {
  rows: Rows
  tables: TableAccess
  retentionDays(): Promise<number>
  clock: Clock
  log: Log
}

interface SeenRoute {
  name: string
  method: string
  auth: string
  /** Of an administrators' route: the least that is needed. */
  role?: Role
}

export function openAuditing(deps: AuditingDeps) {
  const steps = openSteps(deps)
  const audit = openAudit(deps)
  return {
    steps,
    /** The handler of a route, seen by the audit: what only looks leaves nothing; what the help desk may call has a ceiling. */
    seen({ name, method, auth, role }: SeenRoute, handler: Handler): Handler {
      if (method === 'GET') return handler
      if (auth !== 'administrator') return witnessed(name, handler, { ...deps, steps })
      const ceiling = role === 'Writeback.Helpdesk' && { mayAct: (administrator: string) => mayAct(administrator, deps) }
      return audited(name, handler as AdministratorHandler, { audit, log: deps.log, ...ceiling }) as Handler
    },
    /** For whoever logs a step of a person by itself: an authenticator that was added or removed. */
    log(event: Parameters<Log>[0], fields: Fields = {}): void {
      deps.log(event, fields)
      const { person, operation } = fields
      if (event === 'methodChanged') steps.keep({ event, subject: person, operation: operation === 'added' ? 'added' : 'removed' })
    },
    read: readAudit({ listing: openListing(deps), steps }),
    removeOldSteps: async () => void (await removeOldSteps(deps)),
  }
}
