import { afterEach, describe, expect, test, vi } from 'vitest'
import { queues } from '../infra/topology.ts'
import { rootRule, useBus } from '../local/bus/bus-fixture.ts'
import { Fault } from '../shared/fault.ts'
import { connectRelay, type Delivery } from '../shared/relay/client.ts'
import { virtualClock } from '../test/virtual-clock.ts'
import type { Handling } from './handle.ts'
import { type Loop, runLoop } from './loop.ts'

/** The real client on the local bus. The bus has a clock of its own, by which its locks run out; the agent's is virtual. */
const { bus, clock: busClock } = await useBus(queues)

interface Scene {
  loop: Loop
  clock: ReturnType<typeof virtualClock>
  /** In the order in which they began; each is handled when the test says how. */
  taken: { delivery: Delivery; placed(): void; handle(how: Handling | Error): void }[]
  fatal: unknown[]
  words: unknown[]
}

/** Of a message; a file's worth of it is less than the hour that a client's token is good for. */
const lifeMs = 26_000

let running: Scene[] = []
afterEach(async () => {
  bus.control.clearFaults()
  for (const { loop } of running.splice(0)) await loop.relay.stop()?.close()
  // Whatever a test left locked or unread is gone for the next one.
  await busClock.advance(lifeMs + 1)
})

const withKey = (key = '') =>
  `Endpoint=sb://127.0.0.1:${bus.addresses.tcp};SharedAccessKeyName=${rootRule.name};SharedAccessKey=${key};UseDevelopmentEmulator=true`

/** `key`: what stands in the agent's file when it connects. */
async function start(key: () => string | undefined = () => rootRule.keys[0]): Promise<Scene> {
  const clock = virtualClock()
  const taken: Scene['taken'] = []
  const fatal: unknown[] = []
  const words: unknown[] = []
  const loop = runLoop({
    relay: () => ({ address: { kind: 'connectionString', connectionString: withKey(key()) }, transport: 'tcp' }),
    connect: connectRelay,
    handle: (delivery, placed) =>
      new Promise((resolve, reject) => {
        taken.push({ delivery, placed, handle: (how) => (how instanceof Error ? reject(how) : resolve(how)) })
      }),
    fatal: (error) => void fatal.push(error),
    clock,
    log: (_, { fault } = {}) => void words.push(fault),
  })
  const scene = { loop, clock, taken, fatal, words }
  running = [...running, scene]
  await loop.relay.ready(new AbortController().signal)
  return scene
}

let sent = 0
function send(): string {
  const messageId = `request-${++sent}`
  bus.control.send('requests', { messageId, bodyBase64: 'AA==', replyToSessionId: 'session', timeToLiveMs: lifeMs })
  return messageId
}

async function nth(scene: Scene, n: number) {
  await vi.waitFor(() => expect(scene.taken.length).toBeGreaterThanOrEqual(n), 10_000)
  return scene.taken[n - 1] ?? expect.fail('nothing was taken')
}
const replies = (messageId: string) => bus.control.recent('replies').filter((reply) => reply.correlationId === messageId)
const answered = (messageId: string) => vi.waitFor(() => expect(replies(messageId)).toHaveLength(1), 10_000)
const requests = () => bus.control.stats()['requests']
const gone = () => vi.waitFor(() => expect(requests()).toMatchObject({ active: 0, locked: 0 }), 10_000)

/** What the loop does with it, in order. */
function handling(refused: boolean, over: Partial<Handling & { kind: 'answered' }> = {}) {
  const steps: string[] = []
  const step = (name: string) => () => void steps.push(`${name}, message ${requests()?.locked === 0 ? 'gone' : 'there'}`)
  const how: Handling = { kind: 'answered', reply: Buffer.from('sealed'), refused, record: step('record'), told: step('told'), ...over }
  return { how, steps }
}

describe('the order of things', () => {
  test('a change is recorded and told before its message is gone', async () => {
    const scene = await start()
    const messageId = send()
    const { how, steps } = handling(false)
    ;(await nth(scene, 1)).handle(how)
    await answered(messageId)
    await gone()
    expect(steps).toEqual(['record, message there', 'told, message there'])
    expect(replies(messageId)).toMatchObject([{ messageId, sessionId: 'session', bodyBase64: Buffer.from('sealed').toString('base64') }])
  })

  test('a refusal is recorded and told once its message is gone', async () => {
    const scene = await start()
    const messageId = send()
    const { how, steps } = handling(true)
    ;(await nth(scene, 1)).handle(how)
    await answered(messageId)
    expect(steps).toEqual(['record, message gone', 'told, message gone'])
  })

  test('a refusal whose lock has run out is neither recorded nor told: somebody else may still do it', async () => {
    const scene = await start()
    const messageId = send()
    const slow = await nth(scene, 1)
    await busClock.advance(queues.requests.lockMs + 1)
    const { how, steps } = handling(true)
    slow.handle(how)
    await vi.waitFor(() => expect(scene.words).toHaveLength(1), 15_000)
    expect(steps).toEqual([])
    expect(replies(messageId)).toEqual([])
  })

  test('what is not authentic is completed without a word', async () => {
    const scene = await start()
    const messageId = send()
    ;(await nth(scene, 1)).handle({ kind: 'silent' })
    await gone()
    expect(replies(messageId)).toEqual([])
    expect(scene.words).toEqual([])
  })
})

describe('what fails', () => {
  test('is given back after a pause and comes again', async () => {
    const scene = await start()
    const messageId = send()
    ;(await nth(scene, 1)).handle(new Fault('KEY_UNAVAILABLE', 'the vault did not answer'))
    await vi.waitFor(() => expect(scene.words).toEqual(['KEY_UNAVAILABLE']))
    expect(scene.loop.inHand(messageId)).toBe(true)
    await scene.clock.advance(1_000)
    const again = await nth(scene, 2)
    expect(again.delivery).toMatchObject({ messageId, deliveryCount: 1 })
    again.handle(handling(false).how)
    await answered(messageId)
    expect(scene.fatal).toEqual([])
  })

  test('a reply that the broker does not take leaves the message where it is', async () => {
    const scene = await start()
    const messageId = send()
    bus.control.fault({ kind: 'rejectSends', queue: 'replies' })
    const { how, steps } = handling(false)
    ;(await nth(scene, 1)).handle(how)
    await vi.waitFor(() => expect(scene.words).toEqual(['SEND_IN_DOUBT']), 20_000)
    expect(steps).toEqual(['record, message there'])
    bus.control.clearFaults()
    await scene.clock.advance(1_000)
    const again = await nth(scene, 2)
    again.handle(handling(false).how)
    await answered(messageId)
  })

  test('a journal that cannot be written ends the agent, and the message stays', async () => {
    const scene = await start()
    const messageId = send()
    const broken = new Fault('JOURNAL_FAILED', 'the journal could not be read or written', { permanent: true })
    const record = () => {
      throw broken
    }
    ;(await nth(scene, 1)).handle(handling(false, { record }).how)
    await vi.waitFor(() => expect(scene.fatal).toEqual([broken]))
    expect(replies(messageId)).toEqual([])
    expect(requests()).toMatchObject({ locked: 1 })
  })
})

describe('in hand', () => {
  test('a second delivery waits for the first, and both count', async () => {
    const scene = await start()
    const messageId = send()
    expect(scene.loop.inHand(messageId)).toBe(false)
    const first = await nth(scene, 1)
    expect(scene.loop.inHand(messageId)).toBe(true)
    await busClock.advance(queues.requests.lockMs + 1)
    first.handle(handling(true).how)
    await vi.waitFor(() => expect(scene.words).toHaveLength(1), 15_000)
    expect(scene.taken).toHaveLength(1)
    expect(scene.loop.inHand(messageId)).toBe(true)
    await scene.clock.advance(1_000)
    const second = await nth(scene, 2)
    expect(second.delivery).toMatchObject({ messageId, deliveryCount: 1 })
    expect(scene.loop.inHand(messageId)).toBe(true)
    second.handle(handling(false).how)
    await answered(messageId)
    await vi.waitFor(() => expect(scene.loop.inHand(messageId)).toBe(false))
  })
})

describe('how many are taken', () => {
  test('few at once, until they have a place; then the next, and all are settled all the same', async () => {
    const scene = await start()
    const sent = Array.from({ length: 6 }, send)
    const second = await nth(scene, 2)
    await vi.waitFor(() => expect(requests()).toMatchObject({ active: 4, locked: 2 }), 10_000)
    second.placed()
    await nth(scene, 3)
    expect(requests()).toMatchObject({ active: 3, locked: 3 })
    for (let n = 1; n <= 6; n++) (await nth(scene, n)).placed()
    for (const { handle } of scene.taken) handle(handling(true).how)
    for (const messageId of sent) await answered(messageId)
    await gone()
    await vi.waitFor(() => expect(sent.map((messageId) => scene.loop.inHand(messageId))).toEqual(sent.map(() => false)), 10_000)
  })
})

describe('drain', () => {
  const linkOf = ({ loop }: Scene) => loop.relay.current() ?? expect.fail('there is no link')
  /** Resolves once the link has been told to take no more, and has. */
  function whenStopped(scene: Scene): Promise<void> {
    const link = linkOf(scene)
    const { stop } = link
    const { promise, resolve } = Promise.withResolvers<void>()
    link.stop = () => stop().then(resolve)
    return promise
  }

  test('takes no more and waits for what is in hand', async () => {
    const scene = await start()
    const messageId = send()
    const { handle } = await nth(scene, 1)
    let drained = false
    const stopped = whenStopped(scene)
    const draining = scene.loop.drain(15_000).then(() => {
      drained = true
    })
    await stopped
    send()
    expect(drained).toBe(false)
    handle(handling(false).how)
    await draining
    expect(replies(messageId)).toHaveLength(1)
    expect(scene.taken).toHaveLength(1)
    expect(requests()).toMatchObject({ active: 1 })
  })

  test('waits no longer than it may', async () => {
    const scene = await start()
    send()
    await nth(scene, 1)
    const stopped = whenStopped(scene)
    const draining = scene.loop.drain(15_000)
    await stopped
    await scene.clock.advance(15_000)
    await draining
    expect(scene.taken).toHaveLength(1)
  })

  test('not even for a link that does not close', async () => {
    const scene = await start()
    linkOf(scene).stop = () => new Promise(() => {})
    const draining = scene.loop.drain(15_000)
    await scene.clock.advance(15_000)
    await draining
    expect(scene.taken).toEqual([])
  })

  test('a link that fails to close does not keep the agent from its last word', async () => {
    const scene = await start()
    linkOf(scene).stop = () => Promise.reject(new Error('gone'))
    await scene.loop.drain(15_000)
    expect(scene.taken).toEqual([])
  })
})

describe('the keys of its SAS rule, one after the other', () => {
  const [first = ''] = rootRule.keys
  afterEach(() => bus.control.ruleKeys(rootRule.name, [first]))

  test('nothing that was sent meanwhile fails, nor what was in hand when the old key ended', async () => {
    let inFile = first
    bus.control.ruleKeys(rootRule.name, [first, 'second as it was'])
    const scene = await start(() => inFile)
    const work = async (n: number, messageId = send()) => {
      ;(await nth(scene, n)).handle(handling(false).how)
      await answered(messageId)
    }
    await work(1)
    bus.control.ruleKeys(rootRule.name, [first, 'second anew']) // nobody uses it
    await work(2)
    inFile = 'second anew' // a running link lives on with what it has
    await work(3)
    const messageId = send()
    const inHand = await nth(scene, 4)
    bus.control.ruleKeys(rootRule.name, ['first anew', 'second anew'])
    bus.control.expireTokens()
    inHand.handle(handling(false).how)
    await vi.waitFor(async () => {
      await scene.clock.advance(1_000)
      expect(replies(messageId)).toHaveLength(1)
    }, 15_000)
    await work(5)
    expect(scene.fatal).toEqual([])
  })

  test('an agent whose file still has the old one is down until it is given the new one', async () => {
    let inFile = first
    const scene = await start(() => inFile)
    bus.control.ruleKeys(rootRule.name, ['anew'])
    bus.control.expireTokens()
    await vi.waitFor(() => expect(scene.words).toContain('UnauthorizedAccess'), 15_000)
    inFile = 'anew'
    const messageId = send()
    await vi.waitFor(async () => {
      await scene.clock.advance(1_000)
      expect(scene.taken).toHaveLength(1)
    }, 15_000)
    scene.taken[0]?.handle(handling(false).how)
    await answered(messageId)
  })
})
