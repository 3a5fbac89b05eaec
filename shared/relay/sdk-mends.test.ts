import { Connection } from 'rhea-promise'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bus, startBus } from '../../local/bus/bus.ts'
import './sdk-mends.ts'

let bus: Bus
beforeAll(async () => {
  bus = await startBus({ queues: {}, rules: [] })
})
afterAll(() => bus.close())

test('a link of a dead connection counts as closed when nobody says so in time, for who waits and for who does not', async () => {
  const connection = new Connection({ host: '127.0.0.1', port: bus.addresses.tcp, reconnect: false, operationTimeoutInSeconds: 0.2 })
  await connection.open()
  const open = () => connection.createReceiver({ source: { address: '$cbs' }, onError: () => {}, onMessage: () => {} })
  const [waited, inTimer] = [await open(), await open()]
  bus.control.freeze()
  // As the SDK does it: what is rejected there would end this run.
  const timer = Promise.withResolvers<void>()
  setTimeout(async () => {
    setTimeout(timer.resolve, 400)
    await inTimer.close()
  }, 0)
  await waited.close()
  await timer.promise
  expect([waited.isOpen(), inTimer.isOpen()]).toEqual([false, false])
  bus.control.thaw()
  await connection.close().catch(() => {})
})
