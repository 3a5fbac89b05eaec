/**
 * Where a person's password is, by how they sign in to the cloud: what decides where a new one has to go.
 *
 * Not synchronized: in the cloud alone. Synchronized: on-premises, and in the cloud too where hashes of passwords are synchronized
 * and the domain of their name is not federated. `undefined`: Graph did not say; on-premises is right for whoever is
 * synchronized, and the cloud follows by itself or not at all.
 * Domains and features are facts of the tenant: kept for a quarter of an hour, and a day where Graph is away. Permissions: Domain.Read.All,
 * OnPremDirectorySynchronization.Read.All. Graph documents the second question as not meant for applications: where it is refused,
 * `SYNCED_SIGN_IN` says it. Pass-through authentication itself is not in v1.0: it is what is left.
 * Sources: learn.microsoft.com/graph/api/domain-get, /graph/api/onpremisesdirectorysynchronization-get.
 */
import * as z from 'zod'
import type { Clock } from '../../shared/clock.ts'
import { faultWord } from '../../shared/fault.ts'
import { kept, keptByName } from '../../shared/kept.ts'
import type { Log } from '../../shared/log.ts'
import { type Graph, odd, refused } from './graph.ts'
import type { Person } from './people.ts'

export const signInTypes = ['cloudOnly', 'passwordHash', 'federated', 'passThrough'] as const
export type SignInType = (typeof signInTypes)[number]
export const syncedSignIns = ['passwordHash', 'passThrough'] as const

export interface SignInTypes {
  of(person: Pick<Person, 'id' | 'synchronized' | 'signInDomain'>): Promise<SignInType | undefined>
}

export interface SignInTypesDeps {
  graph: Pick<Graph, 'ask'>
  /** How synchronized people of domains that are not federated sign in, where Graph is not to be asked. */
  synced?: (typeof syncedSignIns)[number] | undefined
  clock: Clock
  log: Log
}

const keeping = { freshMs: 15 * 60_000, usableMs: 24 * 3_600_000 }
const maxDomains = 100
const domain = z.object({ authenticationType: z.enum(['Managed', 'Federated']) })
const features = z.object({ passwordSyncEnabled: z.boolean() })
/** One object, or a page with it: both have been seen. */
const synchronization = z
  .union([z.object({ features }), z.object({ value: z.array(z.object({ features })).length(1) })])
  .transform((body) => ('value' in body ? body.value : [body]).some((each) => each.features.passwordSyncEnabled))

export function openSignInTypes({ graph, synced, clock, log }: SignInTypesDeps): SignInTypes {
  async function read<T extends z.ZodType>(path: string, shape: T): Promise<z.infer<T>> {
    const { status, body } = await graph.ask(path)
    if (status !== 200) throw refused(status)
    const parsed = shape.safeParse(body)
    if (!parsed.success) throw odd('something else')
    return parsed.data
  }
  const domains = keptByName(
    clock,
    maxDomains,
    () => keeping,
    (name) => read(`domains/${name}?$select=id,authenticationType`, domain),
  )
  const hashes = kept(clock, keeping, () => read('directory/onPremisesSynchronization', synchronization))

  async function synchronized(signInDomain: string): Promise<SignInType> {
    if (!/^[a-z0-9.-]+$/.test(signInDomain)) throw odd('a domain that is none')
    const { authenticationType } = await domains.get(signInDomain)
    if (authenticationType === 'Federated') return 'federated'
    return synced ?? ((await hashes.get()) ? 'passwordHash' : 'passThrough')
  }
  return {
    async of(person) {
      if (!person.synchronized) return 'cloudOnly'
      try {
        return await synchronized(person.signInDomain)
      } catch (error) {
        log('signInUnknown', { person: person.id, fault: faultWord(error) })
        return undefined
      }
    },
  }
}
