/**
 * An agent's life as its administrator and the people see it: not there yet, there, asked to stop, back again, and refused
 * to start with settings that are not safe.
 */
import { once } from 'node:events'
import { chmod, cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it, vi } from 'vitest'
import { spawnNode } from '../../local/process.ts'
import { call } from '../../local/reset-client.ts'
import type { System } from '../../local/what-runs.ts'
import { restart, submit } from './faults.fixture.ts'
import { messagesSent, passGate, patience, personNamed, signIn, useSystem, whenUp } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })
const running = useSystem({ agents: 0, extraUsers: 3, certificateAgeDays: 183 })

const done = { status: 200, body: { code: 'done' } }
const serviceDown = { status: 503, body: { code: 'serviceDown', effect: 'notChanged', state: 'verified' } }

async function whenDown({ url }: System): Promise<void> {
  await vi.waitFor(async () => expect((await call(url, 'status')).body).toEqual({ writeback: 'down' }), patience)
}

describe('coming and going', () => {
  it('no agent was ever heard: the service is down, says so from the first step, and sends nothing', async () => {
    const system = running()
    const flow = await passGate(system, personNamed(system, 'user0001'))
    expect(flow.started.body.writeback).toBe('down')
    expect(await flow.password('Sent-To-Nobody-1')).toMatchObject(serviceDown)
    expect(await messagesSent(system)).toEqual({ requests: 0, replies: 0 })
  })

  it('the first agent starts: the service is up, and it has a new certificate, for the one it was given is half a year old', async () => {
    const system = running()
    const agent = await system.startAgent()
    await whenUp(system)
    await agent.event('certificateRenewed')
    const flow = await passGate(system, personNamed(system, 'user0001'))
    expect(await flow.password('The-First-One-Set-1')).toMatchObject(done)
  })

  it('asked to stop while it writes: it finishes, answers, says goodbye and ends with 0; the service is down at once', async () => {
    const system = running()
    const { directory, bus } = system.parts
    const [agent] = system.agents
    const person = personNamed(system, 'user0002')
    const flow = await passGate(system, person)
    const waiting = await passGate(system, personNamed(system, 'user0003'))
    await directory.call('fault', { kind: 'hang', operation: 'modify' })
    const sent = await submit(system, flow, 'Finished-Before-The-End-1')
    await directory.call('whenHeld')

    const stopped = agent?.stop()
    await directory.call('clearFaults')

    expect(await sent.answer).toMatchObject(done)
    expect(await stopped).toBe(0)
    await agent?.event('agentStopped')
    await whenDown(system)
    expect(await waiting.password('Sent-To-Nobody-2')).toMatchObject(serviceDown)
    expect(await signIn(system, person.dn, 'Finished-Before-The-End-1')).toBe('accepted')
    // Its heartbeat and its goodbye: nothing else was ever said.
    expect((await bus.call('stats'))['events']?.sent).toBe(2)
  })

  it('started again: the service is up again, by the new certificate; the old one is gone', async () => {
    const system = running()
    const agent = await restart(system, 'agent-1')
    await whenUp(system)
    await agent.event('certificateRemoved')
    const folder = join(system.folder, 'agent-1')
    expect((await readdir(folder)).filter((file) => file.startsWith('certificate'))).toEqual(['certificate.pem'])
    const person = personNamed(system, 'user0003')
    const flow = await passGate(system, person)
    expect(await flow.password('Back-In-Business-1')).toMatchObject(done)
    expect(await signIn(system, person.dn, 'Back-In-Business-1')).toBe('accepted')
  })
})

interface Start {
  args?: string[]
  /** Changes to the settings of agent-1, in a folder of their own. */
  change?(settings: Record<string, object>, folder: string): Promise<void> | void
  environment?: Record<string, string>
}

let starts = 0

/** Runs the agent to its end, which comes at once when it refuses to start. */
async function start(system: System, { args, change, environment = {} }: Start): Promise<{ code: number; output: string }> {
  const name = `start-${++starts}`
  const folder = join(system.folder, name)
  await cp(join(system.folder, 'agent-1'), folder, { recursive: true, filter: (source) => !source.includes('journal') })
  const settings = JSON.parse((await readFile(join(folder, 'agent.json'), 'utf8')).replaceAll(join(system.folder, 'agent-1'), folder))
  await change?.(settings, folder)
  await writeFile(join(folder, 'agent.json'), JSON.stringify(settings))
  const options = { logFolder: join(system.folder, 'logs'), environment }
  const child = spawnNode('agent/main.ts', args ?? ['--settings', join(folder, 'agent.json')], name, options)
  if (!child.stdout || !child.stderr) throw new Error('its output is not readable')
  const [[code], ...output] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)])
  return { code, output: output.join('') }
}

describe('settings', () => {
  it('every problem is told at once, and no value is', async () => {
    const system = running()
    const canary = 'canary-value-31415926'
    const { code, output } = await start(system, {
      change(settings) {
        const [forest] = Object.values(settings['forests'] ?? {}) as object[]
        settings['forests'] = [
          { ...forest, domains: [{ name: 'a', servers: ['ldap://dc1.corp.example.test'] }], [canary]: canary, bindDn: '' },
        ]
        settings['vault'] = { url: `http://${canary}` }
      },
      environment: { AGENT_NO_SUCH_SETTING: canary, NODE_DEBUG: 'ldapts' },
    })
    expect(code).toBe(78)
    for (const named of [
      /forests\.0\.domains\.0\.servers/,
      /ldap:\/\/ is refused/,
      /forests\.0\.bindDn/,
      /vault\.url/,
      /AGENT_NO_SUCH_SETTING/,
      /NODE_DEBUG/,
    ]) {
      expect(output).toMatch(named)
    }
    // The name of an unknown key is told; a value never is.
    expect(output.replaceAll(`"${canary}"`, '')).not.toContain(canary)
  })

  it('a secret that others may read is refused, and not printed', async () => {
    const system = running()
    const { code, output } = await start(system, { change: (_, folder) => chmod(join(folder, 'bind-password'), 0o644) })
    expect(code).toBe(78)
    expect(output).toContain('forests.0.bindPasswordFile')
    const installed = await readdir(join(system.folder, 'agent-1'))
    const secrets = installed.filter((file) => /^(bind-password|client-secret|service-bus|certificate\.pem)$/.test(file))
    expect(secrets.length).toBeGreaterThan(1)
    for (const file of secrets) {
      const lines = (await readFile(join(system.folder, 'agent-1', file), 'utf8')).split('\n').filter((line) => line !== '')
      for (const line of lines) expect(output).not.toContain(line)
    }
  })

  it.each<[string, number, Start]>([
    ['times that break a promise', 78, { environment: { AGENT_TIMES_LDAP_MS: '60000' } }],
    ['a settings file that is not there', 78, { args: ['--settings', '/no/such/file.json'] }],
    ['no settings file named', 64, { args: [] }],
    ['an option that does not exist', 64, { args: ['--verbose'] }],
    ['--help', 0, { args: ['--help'] }],
  ])('%s: exit code %i', async (_, code, what) => {
    const ended = await start(running(), what)
    expect(ended.code).toBe(code)
    expect(ended.output).not.toBe('')
  })
})
