import { Connection, OperationTimeoutError } from 'rhea-promise'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Bus, startBus } from '../../local/bus/bus.ts'
import './sdk-mends.ts'

let bus: Bus
beforeAll(async () => {
  bus = await startBus({ queues: {}, rules: [] })
})
afterAll(() => bus.close())

test('closing a link of a dead connection fails for who waits, and ends nothing for who does not', async () => {
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  const connection = new Connection({ host: '127.0.0.1', port: bus.addresses.tcp, reconnect: false, operationTimeoutInSeconds: 0.2 })
  await connection.open()
  const open = () => connection.createReceiver({ source: { address: '$cbs' }, onError: () => {}, onMessage: () => {} })
  const [waited, left] = [await open(), await open()]
  bus.control.freeze()
  void left.close()
  await expect(waited.close()).rejects.toBeInstanceOf(OperationTimeoutError)
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).not.toHaveBeenCalled()
  process.off('unhandledRejection', unhandled)
  bus.control.thaw()
  await connection.close().catch(() => {})
})
