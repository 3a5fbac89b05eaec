/** A new SAS key, taken over by the agent's side: proven on the real client against the local bus, or left alone. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { identities, queues } from '../../infra/topology.ts'
import { installAgent } from '../../local/agent.ts'
import { type Bus, startBus } from '../../local/bus/bus.ts'
import { makeAuthority } from '../../local/ca.ts'
import { sampleForest } from '../../local/directory/seed.ts'
import { defaultTimes } from '../../shared/times.ts'
import { UsageError } from './program.ts'
import { run } from './sas.ts'

let folder: string
let bus: Bus
let settings: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sas-'))
  const authority = await makeAuthority()
  const tls = { ca: authority.ca, ...(await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: [] })) }
  bus = await startBus({ queues, tls, rules: [{ name: 'agent', keys: ['first', 'second'], claims: identities.agent.serviceBus }] })
  const forest = sampleForest()
  settings = await installAgent({
    folder,
    tenantId: '7a0c9a0e-3f0b-4b57-8a35-52d0a4a0c1de',
    clientId: 'a1b2c3d4-0000-4000-8000-000000000002',
    proof: { kind: 'secret', secret: 'x' },
    authority: 'https://127.0.0.1:1',
    vaultUrl: 'https://127.0.0.1:1',
    bus: { kind: 'sas', connectionString: connectionString('first') },
    transport: 'websockets',
    forests: [{ forest, target: { url: 'ldaps://127.0.0.1:1', hostName: forest.hostName, ca: authority.ca } }],
    ca: authority.ca,
    times: defaultTimes,
  })
})
afterAll(() => Promise.all([bus.close(), rm(folder, { recursive: true })]))

const connectionString = (key: string) => `Endpoint=sb://localhost:${bus.addresses.ws};SharedAccessKeyName=agent;SharedAccessKey=${key}`
const inUse = () => readFile(join(folder, 'service-bus'), 'utf8')

async function sasKey(...args: string[]) {
  const [out, error]: [string[], string[]] = [[], []]
  const io = { print: (text: string) => void out.push(text), complain: (text: string) => void error.push(text), colour: false }
  return { code: await run(args, io), out: out.join('\n'), error: error.join('\n') }
}
async function offered(text: string, mode = 0o600): Promise<string> {
  const path = join(folder, 'new')
  await rm(path, { force: true })
  await writeFile(path, text, { mode })
  return path
}

describe('a new connection string', () => {
  it('that does not open all three queues is refused, and the old one stays', async () => {
    const { code, out, error } = await sasKey('--settings', settings, '--new', await offered(connectionString('wrong')))
    expect([code, error]).toEqual([1, 'The connection string was left as it was.'])
    expect(out.match(/FAILED/g)).toHaveLength(3)
    expect(await inUse()).toBe(connectionString('first'))
  })

  it('that does takes its place, whole, for this account alone; no key is shown', async () => {
    const file = await offered(`${connectionString('second')}\n`)
    expect((await sasKey('--settings', settings, '--new', file, '--dry-run')).code).toBe(0)
    expect(await inUse()).toBe(connectionString('first'))
    const { code, out } = await sasKey('--settings', settings, '--new', file)
    expect([code, await inUse()]).toEqual([0, `${connectionString('second')}\n`])
    expect((await stat(join(folder, 'service-bus'))).mode & 0o777).toBe(0o600)
    expect(out).not.toContain('SharedAccessKey')
  })
})

test('the commands: one key, made by Azure, the same on each queue, never printed', async () => {
  const { out } = await sasKey('--commands', '--resource-group', 'rg', '--namespace', 'contoso', '--key', 'secondary')
  const renewals = out.match(/keys renew .*/g) ?? []
  expect(renewals).toHaveLength(3)
  for (const [index, queue] of Object.keys(identities.agent.serviceBus).entries())
    expect(renewals[index]).toContain(`--namespace-name 'contoso' --queue-name ${queue} --name 'agent' --key SecondaryKey`)
  expect(renewals.slice(1).every((line) => line.includes('--key-value "$key" --output none'))).toBe(true)
  expect(out).toContain('--key primary, and leave out 2.')
})

test.each([
  ['nothing', []],
  ['no file', ['--settings', 'x']],
  ['an unknown option', ['--nonsense']],
  ['no key', ['--commands', '--resource-group', 'rg', '--namespace', 'n']],
  ['a third key', ['--commands', '--resource-group', 'rg', '--namespace', 'n', '--key', 'third']],
  ['a name that would be a command', ['--commands', '--resource-group', "rg'; rm", '--namespace', 'n', '--key', 'primary']],
])('wrong usage: %s', async (_, args) => {
  await expect(sasKey(...args)).rejects.toThrow(UsageError)
})

test('a file that others may read is not taken', async () => {
  await expect(sasKey('--settings', settings, '--new', await offered('x', 0o644))).rejects.toThrow('--new: the file must be readable')
})
