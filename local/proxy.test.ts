/**
 * The proxy as an agent's HTTP client meets it. What it does for Service Bus stands in shared/relay/client.test.ts.
 */
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { makeAuthority } from './ca.ts'
import { type ProxyAddresses, type ProxyControl, startProxy } from './proxy.ts'
import type { StandIn } from './stand-in.ts'
import { type Listener, listen } from './web.ts'

const credentials = { user: 'agent', password: 'pass:wörd' }
let proxy: StandIn<ProxyAddresses, ProxyControl>
let service: Listener
let ca: string
let before: ReturnType<ProxyControl['stats']>

beforeAll(async () => {
  const authority = await makeAuthority()
  ca = authority.ca
  const tls = { ca, ...(await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })) }
  service = await listen(async ({ body }) => ({ status: 200, body: { heard: body } }), { tls })
  proxy = await startProxy({ credentials })
})
afterAll(async () => {
  await proxy.close()
  await service.close()
})
beforeEach(() => {
  before = proxy.control.stats()
})

const withUser = ({ user, password } = credentials) =>
  proxy.addresses.url.replace('//', `//${encodeURIComponent(user)}:${encodeURIComponent(password)}@`)

async function post(proxyUrl: string, body: string): Promise<{ status: number | undefined; text: string }> {
  const agent = new HttpsProxyAgent(proxyUrl)
  const request = https.request(`https://localhost:${service.port}/`, { method: 'POST', agent, ca }).end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return { status: response.statusCode, text: Buffer.concat(await response.toArray()).toString() }
}

/** CONNECT by hand; resolves with the proxy's answer and, if that was 200, the open tunnel. */
async function connectTo(target: string, authorization = `Basic ${Buffer.from('agent:pass:wörd').toString('base64')}`) {
  const request = http.request({
    port: proxy.addresses.port,
    method: 'CONNECT',
    path: target,
    headers: { 'proxy-authorization': authorization },
  })
  const [response, socket] = (await once(request.end(), 'connect')) as [http.IncomingMessage, Socket]
  if (response.statusCode !== 200) socket.destroy()
  return { status: response.statusCode, headers: response.headers, socket }
}

it('passes TLS on to a loopback service for whoever has the credentials', async () => {
  expect(await post(withUser(), 'x'.repeat(300_000))).toEqual({ status: 200, text: JSON.stringify({ heard: 'x'.repeat(300_000) }) })
  expect(proxy.control.stats()).toMatchObject({ opened: before.opened + 1, unauthorized: before.unauthorized })
  expect(proxy.control.stats().targets.at(-1)).toBe(`localhost:${service.port}`)
  await expect.poll(() => proxy.control.stats().tunnels, { timeout: 10_000 }).toBe(0)
})

it('asks everybody else for them', async () => {
  for (const url of [
    proxy.addresses.url,
    withUser({ user: 'agent', password: 'wrong' }),
    withUser({ user: 'Agent', password: 'pass:wörd' }),
  ]) {
    expect((await post(url, 'x')).status).toBe(407)
  }
  const { status, headers } = await connectTo(`localhost:${service.port}`, 'Bearer x')
  expect([status, headers['proxy-authenticate']]).toEqual([407, 'Basic realm="local"'])
  expect(proxy.control.stats()).toMatchObject({ opened: before.opened, unauthorized: before.unauthorized + 4 })
})

it('reaches loopback only, and says when nobody is there', async () => {
  for (const target of ['example.test:443', '10.0.0.1:443', '127.0.0.1.example.test:443', 'localhost', '127.0.0.1:99999']) {
    expect((await connectTo(target)).status).toBe(403)
  }
  const gone = createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port } = gone.address() as AddressInfo
  await new Promise((resolve) => gone.close(resolve))
  expect((await connectTo(`127.0.0.1:${port}`)).status).toBe(502)
  expect(proxy.control.stats()).toMatchObject({ forbidden: before.forbidden + 5, unreachable: before.unreachable + 1 })
})

it('does nothing but CONNECT', async () => {
  expect((await fetch(`${proxy.addresses.url}/`)).status).toBe(405)
})

async function openEcho(): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, server }
}

it('cuts tunnels when told to, and at its own end', async () => {
  const { port, server } = await openEcho()
  const own = await startProxy()
  const open = async () => {
    const request = http.request({ port: own.addresses.port, method: 'CONNECT', path: `127.0.0.1:${port}` }).end()
    const [, socket] = (await once(request, 'connect')) as [http.IncomingMessage, Socket]
    socket.on('error', () => {}).write('hello')
    expect(String((await once(socket, 'data'))[0])).toBe('hello')
    return socket
  }
  const first = await open()
  const cut = once(first, 'close')
  expect(own.control.drop()).toBe(1)
  await cut
  const ended = once(await open(), 'close')
  await own.close()
  await ended
  expect(own.control.stats()).toMatchObject({ opened: 2, tunnels: 0 })
  await new Promise((resolve) => server.close(resolve))
})
