/**
 * Two agents, and one of them dies or stalls at the worst moment: the other finds out what became of each request, the
 * person is told the truth, and no password is written twice or over somebody else's.
 *
 * The crash story is told above the loop in agent/loop.ts; the rules are docs/protocol.md, Redelivery.
 */
import { expect, it, vi } from 'vitest'
import { about, kill, setOnPremises, submit, whenQueuesAreEmpty, whenWritten, whoHas, writesOf } from './faults.fixture.ts'
import { passGate, personNamed, signIn, useSystem } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })

const times = { ldapMs: 3_500, lockMs: 5_000, startWithinMs: 14_000, ttlMs: 26_000, answerMs: 30_000 }
const running = useSystem({ agents: 1, times, extraUsers: 20 })

const done = { status: 200, body: { code: 'done', effect: 'changed' } }
const unknown = { status: 504, body: { code: 'unknown', effect: 'unknown' } }

it('killed with four requests in hand: the next agent finds out what became of each', async () => {
  const system = running()
  const { directory, bus } = system.parts
  const [first] = system.agents
  if (!first) throw new Error('no agent')
  const ready = async (sam: string) => {
    const person = personNamed(system, sam)
    return { person, flow: await passGate(system, person), ours: `Ours-For-${sam.slice(-1)}-x` }
  }
  const [written, overwritten, untouched, overtaken] = await Promise.all([
    ready('user0001'),
    ready('user0002'),
    ready('user0003'),
    ready('user0004'),
  ])
  const send = ({ flow, ours }: typeof written) => submit(system, flow, ours)

  // Two are written, and their replies get nowhere.
  await bus.call('fault', { kind: 'ignoreSends', queue: 'replies' })
  const sent = [await send(written), await send(overwritten)]
  await Promise.all([whenWritten(system, written.person), whenWritten(system, overwritten.person)])
  // Two are taken, and the directory keeps the agent waiting.
  await directory.call('fault', { kind: 'hang', operation: 'search' })
  sent.push(await send(untouched), await send(overtaken))
  await Promise.all(sent.map(({ request }) => first.event('resetStarted', about(request))))
  await directory.call('whenHeld')
  await kill(first)
  // Somebody else is faster than the redelivery, once after our write and once before it.
  await setOnPremises(system, overwritten.person, 'By-Somebody-Else-1')
  await setOnPremises(system, overtaken.person, 'By-Somebody-Else-2', true)
  await Promise.all([directory.call('clearFaults'), bus.call('clearFaults')])
  await system.startAgent()

  const answers = await Promise.all(sent.map(({ answer }) => answer))

  // With "must change" the directory hides when it was changed: nothing proves that somebody did, and nothing is written.
  // Somebody else's password is there; that ours was written before it, and is not still to come, the next agent cannot know.
  expect(answers).toMatchObject([done, unknown, done, unknown])
  expect(await signIn(system, written.person.dn, written.ours)).toBe('accepted')
  expect(await signIn(system, overwritten.person.dn, 'By-Somebody-Else-1')).toBe('accepted')
  expect(await signIn(system, untouched.person.dn, untouched.ours)).toBe('accepted')
  expect(await directory.call('verifyPassword', overtaken.person.sam, 'By-Somebody-Else-2')).toBe(true)
  // Ours; ours and theirs; ours; theirs: nothing was ever written a second time.
  const writes = await Promise.all([written, overwritten, untouched, overtaken].map(({ person }) => writesOf(system, person)))
  expect(writes).toEqual([1, 2, 1, 1])
  await whenQueuesAreEmpty(system)
})

it('stalled past its lock: an agent that wakes up while another one writes says nothing and does nothing', async () => {
  const system = running()
  const { directory } = system.parts
  const person = personNamed(system, 'user0005')
  await (await system.startAgent()).event('heartbeat')
  const agents = system.agents.slice(1)
  const flow = await passGate(system, person)

  await directory.call('fault', { kind: 'hang', operation: 'search' })
  const sent = await submit(system, flow, 'Written-By-The-Other-1')
  const stalled = await whoHas(agents, sent)
  await directory.call('whenHeld')
  stalled.kill('SIGSTOP')
  await directory.call('clearFaults')
  // The lock runs out, the other agent takes over, and its write is on the way when the first one comes back to life.
  await directory.call('fault', { kind: 'hang', operation: 'modify' })
  await directory.call('whenHeld')
  stalled.kill('SIGCONT')
  await Promise.race([sent.answer, stalled.event('listenerError', about(sent.request))])
  await directory.call('clearFaults')

  expect(await sent.answer).toMatchObject(done)
  expect(await signIn(system, person.dn, 'Written-By-The-Other-1')).toBe('accepted')
  expect(await writesOf(system, person)).toBe(1)
  await whenQueuesAreEmpty(system)
})

it('ten people at once, two agents: everybody is served, who is told "busy" by pressing again, and each password is written once', async () => {
  const system = running()
  const people = Array.from({ length: 10 }, (_, n) => personNamed(system, `user00${n + 10}`))
  const flows = await Promise.all(people.map((person) => passGate(system, person)))

  // How many wait before somebody is turned away goes by how fast the machine is. That costs nobody more than a press.
  const served = async (flow: (typeof flows)[number], password: string) => {
    let answer = await flow.password(password)
    while (answer.body.code === 'busy') {
      expect(answer.body).toMatchObject({ effect: 'notChanged', retryable: true, state: 'verified' })
      answer = await flow.password(password)
    }
    return answer
  }
  const answers = await Promise.all(flows.map((flow, n) => served(flow, `All-At-Once-${n}`)))

  expect(answers.map(({ body }) => body.code)).toEqual(people.map(() => 'done'))
  expect(await Promise.all(people.map((person) => writesOf(system, person)))).toEqual(people.map(() => 1))
  expect(await Promise.all(people.map(({ dn }, n) => signIn(system, dn, `All-At-Once-${n}`)))).toEqual(people.map(() => 'accepted'))
  await whenQueuesAreEmpty(system)
})

it('a refusal whose message could not be ended is not told: the next agent may still do it', async () => {
  const system = running()
  const { bus, directory } = system.parts
  const person = personNamed(system, 'user0006')
  const agents = system.agents.slice(1)
  const flow = await passGate(system, person)

  await bus.call('fault', { kind: 'ignoreSettlements', queue: 'requests', count: 1 })
  await directory.call('fault', { kind: 'unavailable', operation: 'search' })
  const sent = await submit(system, flow, 'Not-Refused-After-All-1')
  const unheard = await whoHas(agents, sent)

  expect(await sent.answer).toMatchObject(done)
  expect(await signIn(system, person.dn, 'Not-Refused-After-All-1')).toBe('accepted')
  expect(await writesOf(system, person)).toBe(1)
  // It would wait for the broker's word for a while longer.
  await kill(unheard)
  await whenQueuesAreEmpty(system)
})
