/** For the tests of `agentctl scope`: two forests, of which one can be switched off, and an agent's settings for both. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeAuthority } from '../../local/ca.ts'
import { type Directory, type DirectoryOptions, startDirectory } from '../../local/directory/directory.ts'
import type { Line } from './scope-line.ts'

export const corpDn = 'DC=corp,DC=example,DC=test'
export const labDn = 'DC=lab,DC=example,DC=test'

export interface Forests {
  folder: string
  corp: Directory
  lab: Directory
  /** Writes settings with these rules; the path. */
  settings(rules: readonly object[]): Promise<string>
  close(): Promise<void>
}

export async function startForests(corpOptions: Partial<DirectoryOptions> = {}): Promise<Forests> {
  const folder = await mkdtemp(join(tmpdir(), 'scope-'))
  const authority = await makeAuthority()
  const start = async (hostName: string, options: Partial<DirectoryOptions>) =>
    startDirectory({ tls: await authority.issue({ commonName: hostName, dnsNames: [hostName], ipAddresses: [] }), hostName, ...options })
  const corp = await start('dc1.corp.example.test', { baseDn: corpDn, ...corpOptions })
  const lab = await start('dc1.lab.example.test', { baseDn: labDn, netbiosName: 'LAB' })
  const secret = async (name: string, text: string) => {
    const path = join(folder, name)
    await writeFile(path, text, { mode: 0o600 })
    await chmod(path, 0o600)
    return path
  }
  const caFile = await secret('ca.pem', authority.ca)
  const forestOf = async (name: string, { forest, addresses }: Directory) => ({
    name,
    domains: [{ name: `${name}.example.test`, servers: [`ldaps://${forest.hostName}`] }],
    bindDn: forest.serviceAccount.dn,
    bindPasswordFile: await secret(`${name}-password`, forest.serviceAccount.password),
    caFile,
    addresses: { [forest.hostName]: new URL(addresses.ldaps).host },
  })
  const forests = [await forestOf('corp', corp), await forestOf('lab', lab)]
  const identity = { clientId: '11111111-1111-4111-8111-111111111111', secretFile: await secret('client-secret', 'unused') }
  const shared = { tenantId: identity.clientId, relay: { namespace: 'localhost' }, vault: { url: 'https://localhost' }, identity, forests }
  return {
    folder,
    corp,
    lab,
    settings: (rules) => secret('agent.json', JSON.stringify({ ...shared, rules })),
    async close() {
      await Promise.all([corp.close(), lab.close()])
      await rm(folder, { recursive: true })
    },
  }
}

export const linesIn = async (path: string): Promise<Line[]> =>
  (await readFile(path, 'utf8'))
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text))
