/**
 * Keys change under people who reset their passwords: a rollover by hand, proved by two agents and adopted, then disabled and
 * enabled again. Nobody notices but whoever tries while it is off.
 */
import { expect, it, vi } from 'vitest'
import { adminEnvironment } from '../../local/app.ts'
import type { System } from '../../local/what-runs.ts'
import { openManage } from '../../shared/manage.ts'
import { restart } from './faults.fixture.ts'
import { messagesSent, passGate, personNamed, signIn, useSystem } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })
const running = useSystem({ agents: 2, extraUsers: 6 })

function administrator(system: System) {
  const { WRITEBACK_CLIENT_ID: clientId, WRITEBACK_API: api, WRITEBACK_AUTHORITY: authority } = adminEnvironment(system)
  const prompt = (message: string) => {
    const code = /enter the code (\w+) /.exec(message)?.[1] ?? ''
    void system.parts.entra.call('signIn', code, 'ada.admin@corp.example.test', {})
  }
  return openManage({ url: system.url, tenantId: system.tenantId, clientId, api, authority, ca: system.ca, prompt })
}

let served = 0
/** The next person resets their password, and it is set. */
async function somebodyResets(system: System): Promise<void> {
  served += 1
  const person = personNamed(system, `user000${served}`)
  const password = `Under-New-Keys-${served}`
  const flow = await passGate(system, person)
  expect(await flow.password(password)).toMatchObject({ status: 200, body: { code: 'done' } })
  expect(await signIn(system, person.dn, password)).toBe('accepted')
}

const enabled = async ({ parts }: System) => (await parts.vault.call('versions')).filter((each) => each.enabled).length

it('a rollover by hand: made, proved by one agent, the function app killed, proved by both, adopted; people reset all the while', async () => {
  const system = running()
  const manage = administrator(system)
  const begun = await manage.call('POST', 'keys/rollover', { reason: 'a test' })
  expect(begun).toMatchObject({ status: 202, body: { run: { why: 'byHand', step: 'prove', reason: 'a test' } } })
  expect(await enabled(system)).toBe(6)
  await somebodyResets(system)

  const { comeBack } = await system.killHost()
  await comeBack()
  await somebodyResets(system)

  // A start says at once what would otherwise come within five minutes.
  for (const name of ['agent-1', 'agent-2']) {
    const agent = system.agents.find((each) => each.name === name)
    await agent?.stop()
    system.agents.splice(0, system.agents.length, ...system.agents.filter((each) => each !== agent))
    await restart(system, name)
  }
  await vi.waitFor(async () => {
    expect(await system.parts.host.call('run', 'keepKeys')).toBe('succeeded')
    const { id } = begun.body['run'] as { id: string }
    expect((await manage.call('GET', 'keys')).body['run']).toMatchObject({ id, step: 'overlap' })
  })
  const { body } = await manage.call('GET', 'keys')
  const states = (body['keys'] as { state: string }[]).map(({ state }) => state).toSorted()
  expect([states, body['chain']]).toEqual([
    ['current', 'current', 'current', 'old', 'old', 'old'],
    expect.objectContaining({ state: 'intact' }),
  ])
  await somebodyResets(system)
})

it('disabled and enabled again: off and on at once, two messages each, new keys, and people are served', async () => {
  const system = running()
  const manage = administrator(system)
  const before = await messagesSent(system)
  const person = personNamed(system, 'user0006')
  const flow = await passGate(system, person)
  expect(await manage.call('PUT', 'writeback', { on: false, reason: 'a test' })).toMatchObject({ status: 200, body: { on: false } })
  expect(await flow.password('While-It-Is-Off-1')).toMatchObject({ status: 403, body: { code: 'disabled' } })
  const on = await manage.call('PUT', 'writeback', { on: true, reason: 'a test' })
  expect(on).toMatchObject({ status: 200, body: { on: true, run: { why: 'enable' } } })
  expect(await messagesSent(system)).toEqual({ requests: before.requests + 2, replies: before.replies + 2 })
  expect(await flow.password('Now-It-Is-On-1')).toMatchObject({ status: 200, body: { code: 'done' } })
  await somebodyResets(system)
})
