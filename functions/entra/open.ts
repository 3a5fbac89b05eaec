/** All that is asked of the cloud directory, composed once. */
import { openCloudPasswords } from './cloud-password.ts'
import { type GraphOptions, openGraph } from './graph.ts'
import { openGroups } from './groups.ts'
import { openPeople } from './people.ts'
import { openRoles } from './roles.ts'
import { openSignInTypes, type SignInTypesDeps } from './sign-in-type.ts'

export function openEntra({ log, synced, ...options }: GraphOptions & Pick<SignInTypesDeps, 'clock' | 'log' | 'synced'>) {
  const graph = openGraph(options)
  return {
    people: openPeople(graph),
    groups: openGroups(graph),
    roles: openRoles(graph, log),
    cloudPasswords: openCloudPasswords(graph, log),
    signInTypes: openSignInTypes({ graph, synced, clock: options.clock, log }),
  }
}
