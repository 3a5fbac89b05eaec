import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { onFreePort } from './ports.ts'

test('a port that somebody else takes in between is given up for another', async () => {
  const other = createServer()
  const tried: number[] = []
  const { port, host } = await onFreePort(0, async (port) => {
    tried.push(port)
    if (tried.length === 1) {
      other.listen(port, '127.0.0.1')
      await once(other, 'listening')
    }
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  })
  expect([tried.length, tried.at(-1)]).toEqual([2, port])
  host.close()
  other.close()
})

test('any other failure is told at once', async () => {
  let tries = 0
  const failing = onFreePort(0, async () => {
    tries += 1
    throw new Error('no certificate')
  })
  await expect(failing).rejects.toThrow('no certificate')
  expect(tries).toBe(1)
})
