/**
 * Microsoft Graph through `az rest`: applications and their service principals, looked up before they are made.
 *
 * An application is found by `uniqueName`, a key we choose and nobody can give twice (learn.microsoft.com/graph/api/application-upsert),
 * so that a run that broke off never makes a second one. Graph answers some seconds late about what it has just made: a write
 * that fails for that is made again for half a minute.
 */
import { type Az, AzFailed, type Json } from './az.ts'
import type { Given } from './command.ts'
import type { Application } from './state.ts'

const graph = 'https://graph.microsoft.com/v1.0'
export const get = (az: Az, path: string): Promise<Json> => az.read(['rest', '--method', 'GET', '--url', `${graph}${path}`])

const notYet = /does not exist|Request_ResourceNotFound|ResourceNotFound|backing application/i
const triesS = [2, 4, 8, 16] as const

/** `instead` is what a dry run takes for the answer. */
export async function send(
  { az, clock }: Pick<Given, 'az' | 'clock'>,
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
  { instead, headers = [] }: { instead?: Json; headers?: string[] } = {},
): Promise<Json> {
  const args = ['rest', '--method', method, '--url', `${graph}${path}`]
  if (body !== undefined) args.push('--headers', 'Content-Type=application/json', ...headers, '--body', JSON.stringify(body))
  for (const waitS of triesS) {
    try {
      return await az.write(args, instead)
    } catch (error) {
      if (!(error instanceof AzFailed) || !notYet.test(error.said)) throw error
      await clock.sleep(waitS * 1_000)
    }
  }
  return az.write(args, instead)
}

const unknown = '00000000-0000-0000-0000-000000000000'

/** Makes it as wished, or what of it is missing; everything else stays as it is. Says whether it changed anything. */
export async function ensureApplication(
  given: Pick<Given, 'az' | 'clock'>,
  uniqueName: string,
  wanted: (present: Json) => object,
): Promise<Application & { done: 'made' | 'changed' | 'there' }> {
  const path = `/applications(uniqueName='${uniqueName}')`
  const before = await get(given.az, path)
  const body = wanted(before ?? {})
  if (before !== undefined && covers(before, body)) return { ...idsOf(before), done: 'there' }
  await send(given, 'PATCH', path, body, { headers: ['Prefer=create-if-missing'] })
  const after = before ?? (given.az.dryRun ? { appId: unknown, id: unknown } : await appearing(given, path))
  return { ...idsOf(after), done: before === undefined ? 'made' : 'changed' }
}

const idsOf = ({ appId, id }: Json): Application => ({ appId, objectId: id })

async function appearing({ az, clock }: Pick<Given, 'az' | 'clock'>, path: string): Promise<Json> {
  for (const waitS of triesS) {
    const found = await get(az, path)
    if (found !== undefined) return found
    await clock.sleep(waitS * 1_000)
  }
  throw new Error('Graph took the application, but does not show it yet')
}

/**
 * Returns the object id, which roles are given to. Whoever is to sign in there needs no assignment: roles are what counts, and `me` is
 * for everybody. What an administrator has changed since stays, but that `enable` lets a revoked agent sign in again.
 */
export async function ensurePrincipal(given: Pick<Given, 'az' | 'clock'>, appId: string, { enable }: { enable: boolean }): Promise<string> {
  const path = `/servicePrincipals(appId='${appId}')`
  const before = appId === unknown ? undefined : await get(given.az, path)
  if (before === undefined) {
    const wanted = { appId, accountEnabled: true, appRoleAssignmentRequired: false }
    const made = await send(given, 'POST', '/servicePrincipals', wanted, { instead: { id: unknown } })
    return made.id
  }
  if (enable && !before.accountEnabled) await send(given, 'PATCH', path, { accountEnabled: true })
  return before.id
}

/** Whether everything wanted is there; what is there besides does not count. */
export function covers(present: Json, wanted: Json): boolean {
  if (Array.isArray(wanted)) return Array.isArray(present) && wanted.every((each) => present.some((other) => covers(other, each)))
  if (typeof wanted !== 'object' || wanted === null) return present === wanted
  return present !== null && typeof present === 'object' && Object.entries(wanted).every(([key, value]) => covers(present[key], value))
}
