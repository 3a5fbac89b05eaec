/** GET and PUT /api/manage/policy: the tenant's policy, shown and replaced as a whole by whoever has seen what it replaces. */
import type { AdministratorHandler } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import type { Policies, Policy, PolicyRow } from './row.ts'

export type PolicyChange = Policy & { revision: number; reason: string }

export const readPolicy =
  ({ policies }: { policies: Pick<Policies, 'row'> }): AdministratorHandler<undefined> =>
  async () =>
    shown(await policies.row())

interface ChangePolicyDeps {
  policies: Pick<Policies, 'change'>
  /** Whether the deployment names somebody to ask (BREACH_URL). */
  canCheckBreaches: boolean
}

/** `reason` is kept by the audit (audit/audited.ts). */
export const changePolicy =
  ({ policies, canCheckBreaches }: ChangePolicyDeps): AdministratorHandler<PolicyChange> =>
  async ({ body: { reason: _, revision, ...policy } }) => {
    if (policy.offered.length < policy.gates) return problem('invalidBody', { fields: ['offered'] })
    // Kept, it would let every password through, and say that they are looked at.
    if (policy.breachCheck && !canCheckBreaches) return problem('noBreachService')
    return shown(await policies.change(policy, revision))
  }

const shown = (row: PolicyRow): Answer => ({ status: 200, body: { ...row } })
