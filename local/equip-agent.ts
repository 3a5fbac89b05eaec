/**
 * What an agent of the local system is given before it first runs: a certificate that the local tenant knows (or a client
 * secret and a SAS key), its settings and the folder for both.
 */
import { basename } from 'node:path'
import { systemClock } from '../shared/clock.ts'
import type { Times } from '../shared/times.ts'
import { installAgent } from './agent.ts'
import { busConnectionString, type Credentials } from './credentials.ts'
import type { RunningDirectory } from './directories.ts'
import { makeCertificate } from './entra/certificate.ts'
import type { Parts, SystemOptions } from './what-runs.ts'

export interface Surroundings {
  options: Pick<SystemOptions, 'certificateAgeDays' | 'agentsReach' | 'identity'>
  transport: 'websockets' | 'tcp'
  times: Times
  credentials: Credentials
  parts: Parts
  forests: readonly RunningDirectory[]
  ca: string
}

/** Answers the path of the settings file. */
export async function equipAgent(
  folder: string,
  own: Credentials['agents'][number],
  { options, transport, times, credentials, parts, forests, ca }: Surroundings,
): Promise<string> {
  const made = { ...systemClock, now: () => systemClock.now() - (options.certificateAgeDays ?? 0) * 86_400_000 }
  const { certificate, key } = await makeCertificate(basename(folder), { clock: made })
  await parts.entra.call('addCertificate', own.clientId, certificate)
  const reached = await Promise.all(
    forests.map(async (each) => ({ ...each, target: (await options.agentsReach?.(each.target)) ?? each.target })),
  )
  const { ws, tls } = parts.bus.addresses
  const bySas = options.identity === 'sas'
  return installAgent({
    folder,
    tenantId: credentials.tenantId,
    clientId: own.clientId,
    proof: bySas ? { kind: 'secret', secret: own.secret } : { kind: 'certificate', pem: `${key}\n${certificate}` },
    authority: parts.entra.addresses.authorityHost,
    graphUrl: parts.graph.addresses.url,
    vaultUrl: parts.vault.addresses.url,
    bus: bySas
      ? { kind: 'sas', connectionString: busConnectionString(parts.bus.addresses, 'agent', credentials, transport) }
      : { kind: 'identity', namespace: 'localhost', endpoint: `sb://localhost:${transport === 'tcp' ? tls : ws}` },
    transport,
    forests: reached,
    ca,
    times,
  })
}
