/**
 * The function app dies while somebody waits. Nobody can tell that person anything then; but the agent has done what it was
 * asked to, its answer lies on a session without an owner, and whoever comes next finds it: the flow says what is true, the
 * person gets a mail, and nothing is left on a queue (functions/relay/sweep.ts).
 */
import { expect, it, vi } from 'vitest'
import { submit, whenQueuesAreEmpty, whenWritten, writesOf } from './faults.fixture.ts'
import { messagesSent, passGate, patience, personNamed, signIn, useSystem, whenUp } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })

const running = useSystem({ agents: 1, extraUsers: 4 })

it.each([
  ['while the agent writes', 'user0001', 'writing'],
  ['when the reply is there, and nobody has read it', 'user0002', 'replied'],
] as const)('killed %s: the next one finds out, once', async (_, sam, when) => {
  const system = running()
  const { directory, bus, mail } = system.parts
  const person = personNamed(system, sam)
  const flow = await passGate(system, person)
  const mails = (await mail.call('messages', person.mail)).length
  const before = await messagesSent(system)

  if (when === 'writing') await directory.call('fault', { kind: 'hang', operation: 'modify' })
  else await bus.call('fault', { kind: 'holdQueue', queue: 'replies' })
  const { answer } = await submit(system, flow, 'Told-By-The-Next-One-1')
  const lost = answer.then(
    () => 'answered',
    () => 'lost',
  )
  if (when === 'writing') await directory.call('whenHeld')
  else await whenWritten(system, person)
  const { comeBack } = await system.killHost()
  expect(await lost).toBe('lost')
  await Promise.all([directory.call('clearFaults'), bus.call('clearFaults')])
  await vi.waitFor(async () => expect((await messagesSent(system)).replies).toBe(before.replies + 1), patience)
  await comeBack()

  await vi.waitFor(async () => expect((await flow.read()).body).toMatchObject({ state: 'settled', outcome: 'done' }), patience)
  await mail.call('waitFor', person.mail, mails, patience.timeout)
  await whenQueuesAreEmpty(system)
  expect((await mail.call('messages', person.mail)).length).toBe(mails + 1)
  expect(await signIn(system, person.dn, 'Told-By-The-Next-One-1')).toBe('accepted')
  expect(await writesOf(system, person)).toBe(1)
  await whenUp(system)
  // The lease of the request that died is free: the person can go on at once.
  const again = await passGate(system, person)
  expect(await again.password('Once-More-And-Told-2')).toMatchObject({ status: 200, body: { code: 'done' } })
})
