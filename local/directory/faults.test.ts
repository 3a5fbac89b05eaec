import { once } from 'node:events'
import tls from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { virtualClock } from '../../test/virtual-clock.ts'
import { Faults } from './faults.ts'
import { type Bench, outcome, reset, startBench } from './testing.ts'

let bench: Bench
beforeAll(async () => {
  bench = await startBench()
})
afterEach(() => bench.directory.control.clearFaults())
afterAll(() => bench.close())

const first = 'Start!Pass2026'
const next = 'Fresh#Word-77'
let counter = 0
function newUser() {
  counter += 1
  return bench.directory.control.addUser({ sam: `crash${counter}`, password: first })
}

test('a connection that dies after the write: the client cannot know, the password is set', async () => {
  const service = await bench.asService()
  const { dn, sam } = newUser()
  bench.directory.control.fault({ kind: 'dropAfterWrite', operation: 'modify' })
  await expect(service.modify(dn, reset(next))).rejects.toThrow(/Connection closed|Socket error/)
  expect(bench.directory.control.verifyPassword(sam, next)).toBe(true)
  expect(bench.directory.control.writes()[bench.directory.control.user(sam).objectGuid]).toBe(1)
})

test('a connection that dies before the write: the password is not set', async () => {
  const service = await bench.asService()
  const { dn, sam } = newUser()
  bench.directory.control.fault({ kind: 'dropBeforeWrite', operation: 'modify' })
  await expect(service.modify(dn, reset(next))).rejects.toThrow(/Connection closed|Socket error/)
  expect(bench.directory.control.verifyPassword(sam, first)).toBe(true)
})

test('busy and unavailable answer as often as ordered, each operation apart', async () => {
  const service = await bench.asService()
  const { dn, sam } = newUser()
  bench.directory.control.fault({ kind: 'busy', operation: 'modify' })
  bench.directory.control.fault({ kind: 'unavailable', operation: 'modify', count: 2 })
  const seen: string[] = []
  for (let turn = 0; turn < 4; turn += 1) seen.push(await outcome(service.modify(dn, reset(next))))
  expect(seen).toEqual(['51 0000200E', '52 0000200F', '52 0000200F', '0'])
  expect(bench.directory.control.user(sam).passwordWrites).toBe(1)
})

test('a hung server carries out what its buffers hold once it wakes, also when the client has gone', async () => {
  const service = await bench.asService()
  const { dn, sam } = newUser()
  bench.directory.control.fault({ kind: 'hang', operation: 'modify' })
  const write = service.modify(dn, reset(next))
  await bench.directory.control.whenHeld()
  await Promise.all([service.unbind(), expect(write).rejects.toThrow('Connection closed')])
  expect(bench.directory.control.verifyPassword(sam, first)).toBe(true)
  bench.directory.control.clearFaults()
  // Any answer on another connection comes after what was let go before.
  await bench.asService()
  expect(bench.directory.control.verifyPassword(sam, next)).toBe(true)
})

test('what hangs behind a hung operation keeps its turn', async () => {
  const service = await bench.asService()
  const { dn, sam } = newUser()
  bench.directory.control.fault({ kind: 'hang', operation: 'modify' })
  const writes = [service.modify(dn, reset(next)), service.modify(dn, reset('Later#Word-78'))]
  await bench.directory.control.whenHeld()
  bench.directory.control.clearFaults()
  await Promise.all(writes)
  expect(bench.directory.control.verifyPassword(sam, 'Later#Word-78')).toBe(true)
})

test('a slow controller takes one change after another, so long for each; what only looks does not wait', async () => {
  const clock = virtualClock()
  const faults = new Faults(clock)
  const over: string[] = []
  const pass = (name: string, operation: 'modify' | 'search') => void faults.pass(operation).then(() => over.push(name))
  faults.slowDown(50)
  for (const name of ['first', 'second']) pass(name, 'modify')
  pass('look', 'search')
  await clock.advance(49)
  expect(over).toEqual(['look'])
  await clock.advance(1)
  expect(over).toEqual(['look', 'first'])
  await clock.advance(50)
  faults.slowDown(0)
  pass('third', 'modify')
  await clock.advance(0)
  expect(over).toEqual(['look', 'first', 'second', 'third'])
})

test('octets that are no LDAP end the connection with a notice', async () => {
  const { port } = new URL(bench.directory.addresses.ldaps)
  const socket = tls.connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write(Buffer.from('30800000', 'hex'))
  const [notice] = (await once(socket, 'data')) as [Buffer]
  expect(notice.toString('latin1')).toContain('1.3.6.1.4.1.1466.20036')
  await once(socket, 'close')
})

test('dropped connections are gone from the count', async () => {
  const service = await bench.asService()
  expect(bench.directory.control.connections()).toBeGreaterThan(0)
  bench.directory.control.dropConnections()
  const { dn, sam } = newUser()
  // The client reconnects by itself, and is then not authenticated any more.
  const seen = await outcome(service.modify(dn, reset(next)).catch(() => service.modify(dn, reset(next))))
  expect(seen).toBe('1 00002020')
  expect(bench.directory.control.verifyPassword(sam, first)).toBe(true)
})
