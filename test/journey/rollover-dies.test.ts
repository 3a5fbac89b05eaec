/**
 * Whoever rolls the keys is killed -9 at the end of each step, one after the other; the next one finishes it, people reset
 * their passwords in every state between, and no version is made twice.
 *
 * Each is a process of its own, on a clock ahead of the last one's: a claim lasts two minutes, an overlap twenty.
 */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { expect, it, vi } from 'vitest'
import { adminEnvironment } from '../../local/app.ts'
import type { System } from '../../local/what-runs.ts'
import { openManage } from '../../shared/manage.ts'
import { restart } from './faults.fixture.ts'
import type { Work } from './rollover-dies.fixture.ts'
import { passGate, personNamed, signIn, useSystem } from './support.ts'

vi.setConfig({ testTimeout: 90_000 })
const running = useSystem({ agents: 1, extraUsers: 20 })
const minutes = (n: number) => n * 60_000
const script = new URL('rollover-dies.fixture.ts', import.meta.url).pathname

/** What it said, or the signal that ended it. */
async function work(system: System, task: Work): Promise<unknown> {
  const env = { ...process.env, ...system.functionsEnvironment }
  const child = spawn(process.execPath, [script, JSON.stringify(task)], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, signal) => resolve(signal)))
  const [said, signal] = await Promise.all([text(child.stdout), ended])
  return signal ?? JSON.parse(said.trim().split('\n').at(-1) ?? '').step
}

function keysOf(system: System) {
  const { WRITEBACK_CLIENT_ID: clientId, WRITEBACK_API: api, WRITEBACK_AUTHORITY: authority } = adminEnvironment(system)
  const prompt = (message: string) => {
    const code = /enter the code (\w+) /.exec(message)?.[1] ?? ''
    void system.parts.entra.call('signIn', code, 'ada.admin@corp.example.test', {})
  }
  const manage = openManage({ url: system.url, tenantId: system.tenantId, clientId, api, authority, ca: system.ca, prompt })
  return async () => (await manage.call('GET', 'keys')).body as { run: { step: string }; chain: { state: string } }
}

let served = 0
async function somebodyResets(system: System): Promise<void> {
  served += 1
  const person = personNamed(system, `user${String(served).padStart(4, '0')}`)
  const flow = await passGate(system, person)
  expect(await flow.password(`Whoever-Died-${served}`)).toMatchObject({ status: 200, body: { code: 'done' } })
  expect(await signIn(system, person.dn, `Whoever-Died-${served}`)).toBe('accepted')
}

async function startAgain(system: System): Promise<void> {
  const [agent] = system.agents.splice(0)
  await agent?.stop()
  await restart(system, 'agent-1')
}

const versions = async ({ parts }: System) => (await parts.vault.call('versions')).map(({ enabled }) => enabled)
const enabledOf = (all: boolean[]) => all.filter((each) => each).length

it('killed at the end of every step of a rollover, it is finished by the next, and no reset fails meanwhile', async () => {
  const system = running()
  const keys = keysOf(system)
  const before = (await versions(system)).length
  let aheadMs = 0
  const next = async (task: Partial<Work>, afterMs = minutes(3)) => {
    aheadMs += afterMs
    const end = await work(system, { aheadMs, begin: false, ...task })
    // The serving instance reads the row, as its timer does, and finds it claimed by the dead.
    expect(await system.parts.host.call('run', 'keepKeys')).toBe('succeeded')
    await somebodyResets(system)
    return [end, (await keys()).run.step]
  }

  expect(await next({ begin: true, diesIn: 'make' })).toEqual(['SIGKILL', 'make'])
  expect(await next({})).toEqual(['prove', 'prove'])
  await startAgain(system)
  expect(await next({ diesIn: 'prove' }, 0)).toEqual(['SIGKILL', 'prove'])
  expect(await next({ diesIn: 'adopt' })).toEqual(['SIGKILL', 'adopt'])
  expect(await next({})).toEqual(['overlap', 'overlap'])
  expect(await next({ diesIn: 'overlap' }, minutes(25))).toEqual(['SIGKILL', 'overlap'])
  expect(await next({ diesIn: 'rewrite' })).toEqual(['SIGKILL', 'rewrite'])
  expect(await next({ diesIn: 'disable' })).toEqual(['SIGKILL', 'disable'])
  expect(await next({})).toEqual(['done', 'done'])

  const after = await versions(system)
  expect([after.length - before, enabledOf(after)]).toEqual([3, 3])
  expect((await keys()).chain.state).toBe('intact')
})

it('killed while it abandons what nobody proved: the old versions stay, and what was made is disabled by the next', async () => {
  const system = running()
  const keys = keysOf(system)
  const before = (await versions(system)).length
  for (const agent of system.agents.splice(0)) await agent.stop()
  const aheadMs = minutes(120)
  expect(await work(system, { aheadMs, begin: true, unproved: true })).toBe('prove')
  expect(await work(system, { aheadMs: aheadMs + minutes(15), begin: false, diesIn: 'abandon', unproved: true })).toBe('SIGKILL')
  await restart(system, 'agent-1')
  await somebodyResets(system)
  expect(await work(system, { aheadMs: aheadMs + minutes(20), begin: false })).toBe('abandoned')
  await somebodyResets(system)
  const after = await versions(system)
  expect([after.length - before, enabledOf(after)]).toEqual([3, 3])
  expect((await keys()).chain.state).toBe('intact')
})
