/** All that is asked of the cloud directory, composed once. */
import { type GraphOptions, openGraph } from './graph.ts'
import { openPeople } from './people.ts'
import { openRoles } from './roles.ts'
import { openSignInTypes, type SignInTypesDeps } from './sign-in-type.ts'

export function openEntra({ log, synced, ...options }: GraphOptions & Pick<SignInTypesDeps, 'clock' | 'log' | 'synced'>) {
  const graph = openGraph(options)
  return {
    people: openPeople(graph),
    roles: openRoles(graph, log),
    signInTypes: openSignInTypes({ graph, synced, clock: options.clock, log }),
  }
}
