/**
 * For the tests beside this file: everything an agent needs, inside this process, and an agent installed on it. Faults are
 * planted in the parts themselves, or in a copy of the settings.
 */
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { queues } from '../../../infra/topology.ts'
import { installAgent } from '../../../local/agent.ts'
import { startBus } from '../../../local/bus/bus.ts'
import { makeAuthority } from '../../../local/ca.ts'
import { startDirectory } from '../../../local/directory/directory.ts'
import { sampleForest } from '../../../local/directory/seed.ts'
import { makeCertificate } from '../../../local/entra/certificate.ts'
import { agent, functions, nobody } from '../../../local/entra/test-tenant.ts'
import { startGraph } from '../../../local/graph/graph.ts'
import { startTestVault } from '../../../local/vault/test-vault.ts'
import { type Clock, systemClock } from '../../../shared/clock.ts'
import { Secret } from '../../../shared/secret.ts'
import { defaultTimes } from '../../../shared/times.ts'
import { openConnection } from '../../directory/connection.ts'
import { descriptorParts, readSecurityDescriptor, writeAccessList } from '../../directory/security.ts'
import { controlBit, decodeDescriptor, encodeDescriptor } from '../descriptor.ts'
import { examine } from '../doctor.ts'
import type { Finding } from './checks.ts'

export const host = 'dc1.corp.example.test'

/** As installAgent writes them. */
export interface Settings {
  tenantId: string
  relay: object
  vault: { url: string }
  identity: { certificateFile?: string }
  forests: [Forest]
  rules: [Rule, ...Rule[]]
}

interface Forest {
  bindDn: string
  bindPasswordFile: string
  caFile: string
  addresses: Record<string, string>
  domains: [{ name: string; servers: string[] }]
}

interface Rule {
  name: string
  forest: string
  baseDn: string
  enabled?: boolean
  precedence?: number
}

export async function startPatient() {
  const folder = await mkdtemp(join(tmpdir(), 'doctor-'))
  const authority = await makeAuthority()
  const test = await startTestVault()
  const { tls, trust, entra } = test.tenant
  await makeKeys(test.functions)
  const forest = sampleForest()
  /** By another clock it is another authority, which was made then. */
  const issue = async (clock: Clock = systemClock, name = host) => {
    const signer = clock === systemClock ? authority : await makeAuthority({ clock })
    return { ca: signer.ca, ...(await signer.issue({ commonName: name, dnsNames: [name], ipAddresses: [] })) }
  }
  const directory = await startDirectory({ tls: await issue(), forest })
  const principals = { [functions.objectId]: 'functions', [agent.objectId]: 'agent' } as const
  const rules = [
    { name: 'deaf', keys: ['key'], claims: { replies: ['Send'], events: ['Send'] } },
    { name: 'mute', keys: ['key'], claims: { requests: ['Listen'], events: ['Send'] } },
  ] as const
  const bus = await startBus({ queues, rules, tls, entra: { ...trust, principals } })
  const graph = await startGraph({ tls, entra: trust, directory: test.tenant.directory })
  const { certificate, key } = await makeCertificate('agent')
  entra.control.addCertificate(agent.clientId, certificate)
  const installed = await installAgent({
    folder,
    tenantId: entra.addresses.tenant.split('/').at(-1) ?? '',
    clientId: agent.clientId,
    proof: { kind: 'certificate', pem: `${key}\n${certificate}` },
    authority: entra.addresses.authorityHost,
    graphUrl: graph.addresses.url,
    vaultUrl: test.vault.addresses.url,
    bus: { kind: 'identity', namespace: 'localhost', endpoint: `sb://localhost:${bus.addresses.ws}` },
    transport: 'websockets',
    forests: [{ forest, target: { url: directory.addresses.ldaps, hostName: forest.hostName, ca: authority.ca } }],
    ca: tls.ca,
    times: defaultTimes,
  })
  let written = 0
  /** A copy of the settings with a change, beside the first. */
  async function changed(change: (settings: Settings) => unknown, from = file): Promise<string> {
    const settings: Settings = JSON.parse(await readFile(from, 'utf8'))
    change(settings)
    const copy = join(folder, `changed-${++written}.json`)
    await writeFile(copy, JSON.stringify(settings))
    return copy
  }
  // The sample rule is wider than what was granted: somebody outside would be named.
  const file: string = await changed((settings) => Object.assign(settings.rules[0], { baseDn: forest.serviceAccount.scope }), installed)
  return {
    folder,
    file,
    installed,
    forest,
    directory,
    bus,
    test,
    agent,
    nobody,
    authority,
    issue,
    changed,
    examine: (over: { file?: string; person?: string; clock?: Clock } = {}): Promise<Finding[]> =>
      examine({ file: over.file ?? file, environment: {}, person: over.person, sample: 20 }, over.clock),
    async secretFile(text: string): Promise<string> {
      const path = join(folder, `secret-${++written}`)
      await writeFile(path, text, { mode: 0o600 })
      return path
    },
    /** As the check box of the administrative tools: nothing is inherited any more, or again. */
    blockInheritance: (dn: string, blocked: boolean) => blockInheritance(directory.addresses.ldaps, authority.ca, forest, dn, blocked),
    async close() {
      await Promise.all([directory.close(), bus.close(), graph.close(), test.close()])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export type Patient = Awaited<ReturnType<typeof startPatient>>

/** As the function app makes them at its first start. */
async function makeKeys({ keys, secrets }: Awaited<ReturnType<typeof startTestVault>>['functions']): Promise<void> {
  await keys.createRsaKey('password-key', { keySize: 2048, keyOps: ['decrypt'] })
  await secrets.setSecret('package-key', Buffer.alloc(32, 7).toString('base64url'))
}

export async function blockInheritance(
  url: string,
  ca: string,
  { hostName, administrator }: Pick<ReturnType<typeof sampleForest>, 'hostName' | 'administrator'>,
  dn: string,
  blocked: boolean,
): Promise<void> {
  const { hostname, port } = new URL(url)
  const credentials = { dn: administrator.dn, password: Secret.fromText(administrator.password) }
  const options = { clock: systemClock, ca, openMs: 8_000, ldapMs: 8_000 }
  const connection = await openConnection({ host: hostName, address: hostname, port: Number(port) }, credentials, options)
  try {
    const bytes = await readSecurityDescriptor(connection, dn, descriptorParts.dacl)
    const present = decodeDescriptor(bytes ?? Buffer.alloc(0))
    const own = present.dacl && { ...present.dacl, aces: present.dacl.aces.filter((ace) => (ace.readUInt8(1) & inherited) === 0) }
    const control = blocked ? present.control | controlBit.daclProtected : present.control & ~controlBit.daclProtected
    const result = await writeAccessList(connection, dn, encodeDescriptor({ ...present, dacl: own, control }))
    if (result.kind !== 'done') throw new Error(`not written: ${result.kind}`)
  } finally {
    connection.reset()
  }
}

const inherited = 0x10

/** An address where nobody listens. */
export async function deadEnd(): Promise<string> {
  const closed = net.createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  await once(closed, 'close')
  return `127.0.0.1:${port}`
}

/** `check about` of each line that failed or warns. */
export const complaints = (findings: readonly Finding[]): string[] =>
  findings.filter(({ state }) => state === 'failed' || state === 'warning').map(({ check, about }) => `${check} ${about}`.trim())

export const shifted = (byMs: number): Clock => ({ ...systemClock, now: () => systemClock.now() + byMs })
