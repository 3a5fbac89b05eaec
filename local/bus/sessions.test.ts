/**
 * Sessions with the real client: one holder each, locks that end, state, and waiting for whichever comes.
 */
import { describe, expect, it } from 'vitest'
import { failureOf, ignoreErrors, plainQueue, quickRetry, receiveNow, receiveOne, useBus } from './bus-fixture.ts'

const { bus, clock, client } = await useBus({
  plain: plainQueue,
  replies: { ...plainQueue, requiresSession: true, maxDeliveryCount: 10 },
})
const azure = client()
const impatient = { ...quickRetry, maxRetries: 0 }
const manual = { maxAutoLockRenewalDurationInMs: 0 }
const sender = azure.createSender('replies')
const stats = () => bus.control.stats()['replies']

describe('accepting', () => {
  it('gives a session by id, with its lock, its state and its messages only', async () => {
    await sender.sendMessages([
      { body: 'other', sessionId: 'S0' },
      { body: 'r1', sessionId: 'S1' },
    ])
    const session = await azure.acceptSession('replies', 'S1', manual)
    expect(session.sessionLockedUntilUtc).toEqual(new Date(clock.now() + plainQueue.lockMs))
    const [message, ...rest] = await receiveNow(session)
    expect([message?.body, rest]).toEqual(['r1', []])
    if (message) await session.completeMessage(message)
    expect(await session.getSessionState()).toBeNull()
    await session.setSessionState({ a: 1 })
    expect(await session.getSessionState()).toEqual({ a: 1 })
    await clock.advance(5_000)
    expect(await session.renewSessionLock()).toEqual(new Date(clock.now() + plainQueue.lockMs))
    await session.close()
    const next = await azure.acceptNextSession('replies', manual)
    expect(next.sessionId).toBe('S0')
    await next.completeMessage(await receiveOne(next))
    await next.close()
  })

  it('lets nobody have a session that is held, even on the same connection', async () => {
    const held = await azure.acceptSession('replies', 'S2', manual)
    const other = client({ retryOptions: impatient })
    for (const rival of [other, azure]) {
      expect(await failureOf(rival.acceptSession('replies', 'S2'))).toMatchObject({ code: 'SessionCannotBeLocked' })
    }
    await held.close()
    await (await other.acceptSession('replies', 'S2')).close()
  })

  it('waits for any session to have a message', async () => {
    const attaches = bus.control.totals().attaches
    const accepting = azure.acceptNextSession('replies', manual)
    await expect.poll(() => bus.control.totals().attaches, { timeout: 20_000 }).toBe(attaches + 1)
    await sender.sendMessages({ body: 'n', sessionId: 'N1' })
    const session = await accepting
    expect(session.sessionId).toBe('N1')
    await session.completeMessage(await receiveOne(session))
    await session.close()
  })

  it('gives up waiting just before the client does', async () => {
    const other = client({ retryOptions: impatient })
    const attaches = bus.control.totals().attaches
    const failure = failureOf(other.acceptNextSession('replies'))
    await expect.poll(() => bus.control.totals().attaches, { timeout: 20_000 }).toBe(attaches + 3) // the two of $cbs first
    await clock.advance(impatient.timeoutInMs)
    expect(await failure).toMatchObject({ code: 'ServiceTimeout' })
  })

  it('is refused on a queue without sessions, and demanded on one with', async () => {
    // The SDK makes the first "cannot be locked" of any attach without the session asked for.
    expect(await failureOf(azure.acceptSession('plain', 'a'))).toMatchObject({ code: 'SessionCannotBeLocked' })
    const failure = await failureOf(receiveOne(azure.createReceiver('replies')))
    expect(failure.message).toMatch(/^InvalidOperationError: It is not possible for an entity that requires sessions/)
  })
})

describe('messages of a session', () => {
  it('need a session id', async () => {
    const failure = await failureOf(sender.sendMessages({ body: 1 }))
    expect(failure.message).toMatch(/^InvalidOperationError: The SessionId was not set/)
  })

  it('stay in order, and come again in order after a close that counts as no delivery', async () => {
    await sender.sendMessages(['a', 'b', 'c'].map((body) => ({ body, sessionId: 'O' })))
    for (const expected of [0, 0]) {
      const session = await azure.acceptSession('replies', 'O', manual)
      const messages = await receiveNow(session)
      expect(messages.map((message) => [message.body, message.deliveryCount])).toEqual([
        ['a', expected],
        ['b', expected],
        ['c', expected],
      ])
      await session.close()
    }
    const last = await azure.acceptSession('replies', 'O', { ...manual, receiveMode: 'receiveAndDelete' })
    expect(await receiveNow(last)).toHaveLength(3)
    await last.close()
  })

  it('are lost to a holder whose lock has ended, which does count', async () => {
    await sender.sendMessages({ body: '1', sessionId: 'Z' })
    const session = await azure.acceptSession('replies', 'Z', manual)
    const message = await receiveOne(session)
    const { detaches } = bus.control.totals()
    await clock.advance(plainQueue.lockMs)
    expect(stats()).toMatchObject({ active: 1, locked: 0, receivers: 0 })
    // A settlement that crosses the detach gets no answer from anybody.
    await expect.poll(() => bus.control.totals().detaches, { timeout: 20_000 }).toBe(detaches + 1)
    expect(await failureOf(session.completeMessage(message))).toMatchObject({ code: 'SessionLockLost' })
    const again = await azure.acceptSession('replies', 'Z', manual)
    const redelivered = await receiveOne(again)
    expect(redelivered.deliveryCount).toBe(1)
    await again.completeMessage(redelivered)
    await again.close()
  })

  it('tells a subscribed holder that its lock is lost', async () => {
    const session = await azure.acceptSession('replies', 'sub', manual)
    const lost = new Promise<string | undefined>((resolve) => {
      const processError = async ({ error }: { error: Error }) => resolve('code' in error ? String(error.code) : error.name)
      session.subscribe({ processMessage: async () => {}, processError })
    })
    await clock.advance(plainQueue.lockMs)
    expect(await lost).toBe('SessionLockLost')
    await session.close()
  })

  it('reach a long-lived holder one by one, many more than a delivery ring has slots', async () => {
    const total = 2_500
    const session = await azure.acceptSession('replies', 'instance', manual)
    const seen = new Set<unknown>()
    const processMessage = async (message: { body: unknown }) => void seen.add(message.body)
    session.subscribe({ processMessage, processError: ignoreErrors }, { maxConcurrentCalls: 50 })
    for (let i = 0; i < total; i++) bus.control.send('replies', { bodyBase64: '', messageId: `${i}`, sessionId: 'instance' })
    await expect.poll(() => stats()?.completed, { timeout: 10_000 }).toBeGreaterThanOrEqual(total)
    expect(stats()).toMatchObject({ active: 0, locked: 0 })
    await session.close()
  })
})

it('goes on after a connection is lost: the session is free again at once', async () => {
  const other = client()
  await other.acceptSession('replies', 'dropped', manual)
  await other.close()
  const session = await azure.acceptSession('replies', 'dropped', manual)
  expect(session.sessionId).toBe('dropped')
  await session.close()
})
