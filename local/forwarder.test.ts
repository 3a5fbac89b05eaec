import { once } from 'node:events'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Forwarder, startForwarder } from './forwarder.ts'

let echo: Server
let forwarder: Forwarder
const clients: Socket[] = []
let received = ''

beforeEach(async () => {
  received = ''
  echo = net.createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      received += chunk
      socket.write(`<${chunk}>`)
    })
  })
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  forwarder = await startForwarder(`tcp://127.0.0.1:${(echo.address() as AddressInfo).port}`)
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await forwarder.close()
  echo.close()
})

function connecting(address = forwarder.address): Socket {
  const [host, port] = address.split(':')
  const client = net.connect({ host: host ?? '', port: Number(port), allowHalfOpen: true })
  clients.push(client)
  return client.on('error', () => client.destroy())
}
async function connected(address?: string): Promise<Socket> {
  const client = connecting(address)
  await once(client, 'connect')
  return client
}
const answer = async (client: Socket): Promise<string> => String((await once(client, 'data'))[0])

test('passes on both ways', async () => {
  const client = await connected()
  client.write('one')
  expect(await answer(client)).toBe('<one>')
  expect(forwarder.size()).toBe(1)
})

test('cut: both ends are reset, and a new connection goes through', async () => {
  const client = await connected()
  client.write('one')
  await answer(client)
  const broken = once(client, 'error')
  forwarder.cut()
  expect((await broken)[0]).toMatchObject({ code: 'ECONNRESET' })
  const next = await connected()
  next.write('two')
  expect(await answer(next)).toBe('<two>')
})

test('stalled on the way back: the server has it, the client hears of it later', async () => {
  const client = await connected()
  client.write('one')
  await answer(client)
  forwarder.stall('toClient')
  const later = answer(client)
  client.write('two')
  await expect.poll(() => received).toBe('onetwo')
  expect(client.bytesRead).toBe('<one>'.length)
  forwarder.resume()
  expect(await later).toBe('<two>')
})

test('stalled on the way there: the server gets it when it resumes', async () => {
  const client = await connected()
  client.write('one')
  await answer(client)
  forwarder.stall('toServer')
  client.write('two')
  const late = answer(client)
  const direct = await connected(`127.0.0.1:${(echo.address() as AddressInfo).port}`)
  direct.write('past')
  await answer(direct)
  expect(received).toBe('onepast')
  forwarder.resume()
  expect(await late).toBe('<two>')
})

test('half-closed: the client hears the end, and what it still says arrives', async () => {
  const client = await connected()
  client.write('one')
  await answer(client)
  const ended = once(client, 'end')
  forwarder.halfClose()
  await ended
  client.write('two')
  await expect.poll(() => received).toBe('onetwo')
})

test('refused, and then no longer', async () => {
  forwarder.refuse()
  const [error] = await once(connecting(), 'error')
  expect(error).toMatchObject({ code: 'ECONNRESET' })
  expect(forwarder.size()).toBe(0)
  forwarder.refuse(false)
  const client = await connected()
  client.write('one')
  expect(await answer(client)).toBe('<one>')
})
