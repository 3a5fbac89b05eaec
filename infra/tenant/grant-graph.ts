/**
 * `grant-graph`: what the functions may read in the tenant. Bicep gives no permissions of Graph; an administrator does.
 *
 * Which: infra/topology.ts, and what --optional names. Nothing is taken away: `verify` says what is there besides.
 */

import { UsageError } from '../cli/command.ts'
import { identities } from '../topology.ts'
import type { Json } from './az.ts'
import { type Given, output, type TenantCommand } from './command.ts'
import { get, send } from './graph.ts'
import { outputs } from './names.ts'

const graphAppId = '00000003-0000-0000-c000-000000000000'

export interface GraphPermissions {
  /** Object id of Graph's service principal in this tenant. */
  graphId: string
  /** Permissions by name, each with its id. */
  offered: ReadonlyMap<string, string>
  /** Names of those that the principal has. */
  held: readonly string[]
}

export async function permissionsOf({ az }: Pick<Given, 'az'>, principal: string): Promise<GraphPermissions> {
  const graph = await get(az, `/servicePrincipals(appId='${graphAppId}')?$select=id,appRoles`)
  const assigned = await get(az, `/servicePrincipals/${principal}/appRoleAssignments?$top=999`)
  if (graph === undefined) throw new Error('the tenant has no Microsoft Graph')
  if (assigned === undefined)
    throw new UsageError('the identity of the functions is not in this tenant: is it the right one, and deployed?')
  const offered = new Map<string, string>(graph.appRoles.map(({ value, id }: Json) => [value, id]))
  const names = new Map([...offered].map(([value, id]) => [id, value]))
  const held = assigned.value
    .filter(({ resourceId }: Json) => resourceId === graph.id)
    .map(({ appRoleId }: Json) => names.get(appRoleId) ?? appRoleId)
  return { graphId: graph.id, offered, held }
}

async function run(given: Given): Promise<number> {
  const { values, io, state, step } = given
  const principal = output(state.read(), outputs.functionsPrincipal)
  const wanted = [...identities.functions.graph, ...(values.optional?.split(',').map((each) => each.trim()) ?? [])]
  const { graphId, offered, held } = await step('what the functions may in Graph', () => permissionsOf(given, principal))
  const unheardOf = wanted.filter((name) => !offered.has(name))
  if (unheardOf.length > 0) throw new UsageError(`Graph knows no permission ${unheardOf.join(', ')}`)
  for (const name of wanted) {
    if (held.includes(name)) io.tell(`  there: ${name}`)
    else
      await step(`permission ${name}`, () =>
        send(given, 'POST', `/servicePrincipals/${graphId}/appRoleAssignedTo`, {
          principalId: principal,
          resourceId: graphId,
          appRoleId: offered.get(name),
        }),
      )
  }
  io.print(`The functions may: ${wanted.join(', ')}`)
  return 0
}

export const grantGraph: TenantCommand = {
  usage: 'grant-graph',
  summary: "permissions of Microsoft Graph for the functions' identity",
  needs: 'Entra ID: Privileged Role Administrator',
  flags: ['optional'],
  run,
}
