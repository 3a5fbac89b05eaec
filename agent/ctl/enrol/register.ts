/**
 * Registers a certificate with the agent's application, as an administrator who has signed in: Application Administrator,
 * Cloud Application Administrator or an owner of the application.
 *
 * Graph lets administrators write the list of keys as a whole only (learn.microsoft.com/graph/api/application-update): it is read,
 * written with one more, and read again. Whoever writes at the same moment may win; that is then said.
 */
import { Fault } from '../../../shared/fault.ts'
import type { Certificate } from '../../credential/certificate.ts'
import { type Answer, type ApplicationInGraph, keyOf, newKey, type Refused } from '../../credential/graph.ts'

/** `there`: it had been registered before. */
export async function register(application: ApplicationInGraph, certificate: Certificate): Promise<'registered' | 'there'> {
  const before = done(await application.read())
  if (keyOf(before, certificate)) return 'there'
  done(await application.writeKeys([...before.keys, newKey(certificate)]))
  const after = done(await application.read())
  const kept = new Set(after.keys.map(({ keyId }) => keyId))
  if (!keyOf(after, certificate) || before.keys.some(({ keyId }) => !kept.has(keyId)))
    throw new Fault(
      'GRAPH_UNAVAILABLE',
      'the list of certificates is not what was written: somebody else wrote, too. Look at it, and try again',
    )
  return 'registered'
}

function done<T>(answer: Answer<T>): T {
  if (answer.kind === 'done') return answer.value
  throw new Fault('GRAPH_UNAVAILABLE', meaning(answer), { permanent: true })
}

const meaning = ({ status, aadsts }: Refused): string => {
  if (aadsts !== undefined) return `the sign-in was refused (AADSTS${aadsts})`
  if (status === 403)
    return 'Graph refused (HTTP 403): it takes an Application Administrator, or an owner of the application, and a program granted Application.ReadWrite.All'
  if (status === 404) return 'Graph knows no such application (HTTP 404): is "identity.clientId" right, and the tenant?'
  return `Graph refused (HTTP ${status})`
}
