import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeAuthority } from '../../local/ca.ts'
import { type Directory as StandIn, startDirectory } from '../../local/directory/directory.ts'
import { sampleForest } from '../../local/directory/seed.ts'
import { type Clock, systemClock } from '../../shared/clock.ts'
import type { FaultCode } from '../../shared/fault.ts'
import { isFault } from '../../shared/fault.ts'
import { Secret } from '../../shared/secret.ts'
import { endpointOf, openConnection } from './connection.ts'
import { type Directory, type DirectorySettings, openDirectory, type User } from './directory.ts'

const host = 'dc1.corp.example.test'
const authority = await makeAuthority()
const certificate = await authority.issue({ commonName: host, dnsNames: [host, 'dc2.corp.example.test'], ipAddresses: [] })
const fine = 'Quite-Different-77'
const nothing = { unlock: false, mustChange: false }
const faultOf = (code: FaultCode) => expect.toSatisfy((error) => isFault(error, code), code)

/** Limits end only when the test says so. */
function clockByHand() {
  const pending = new Set<() => void>()
  const clock: Clock = {
    ...systemClock,
    sleep: (_ms, { signal } = {}) =>
      new Promise((resolve, reject) => {
        pending.add(resolve)
        signal?.addEventListener('abort', () => {
          pending.delete(resolve)
          reject(signal.reason)
        })
      }),
  }
  return { clock, expire: () => pending.forEach((resolve) => void resolve()) }
}

/** A link between agent and server that can be stalled, and that sees how the agent ends its side. */
async function startLink(port: number) {
  const ends: Socket[] = []
  const ended = Promise.withResolvers<string>()
  const forwarder = net.createServer((client) => {
    const upstream = net.connect(port, '127.0.0.1')
    ends.push(client, upstream)
    client.on('data', (chunk) => upstream.write(chunk)).on('end', () => upstream.end())
    upstream.on('data', (chunk) => client.write(chunk)).on('end', () => client.end())
    client.on('error', (error: NodeJS.ErrnoException) => ended.resolve(error.code ?? '')).on('close', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
  })
  forwarder.listen(0, '127.0.0.1')
  await once(forwarder, 'listening')
  return {
    address: `127.0.0.1:${(forwarder.address() as AddressInfo).port}`,
    ended: ended.promise,
    stall: () => ends.forEach((end) => void end.pause()),
    resume: () => ends.forEach((end) => void end.resume()),
    async close() {
      for (const end of ends) end.destroy()
      forwarder.close()
      await once(forwarder, 'close')
    },
  }
}

let server: StandIn
let hand: ReturnType<typeof clockByHand>
let logged: unknown[]
const opened: { close(): unknown }[] = []

beforeEach(async () => {
  server = await startDirectory({ tls: certificate, clearPort: 0 })
  hand = clockByHand()
  logged = []
})
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close()
  await server.close()
})

const placeOf = (url: string) => new URL(url).host

function open(changes: Partial<DirectorySettings> = {}): Directory {
  const { dn, password } = server.forest.serviceAccount
  const settings: DirectorySettings = {
    servers: [`ldaps://${host}`],
    addresses: { [host]: placeOf(server.addresses.ldaps) },
    ca: authority.ca,
    bindDn: dn,
    bindPassword: Secret.fromText(password),
    baseDn: server.forest.baseDn,
    ldapMs: 8000,
    domain: 'corp.example.test',
    ...changes,
  }
  const directory = openDirectory(settings, { clock: hand.clock, log: (event, fields) => logged.push({ event, ...fields }) })
  opened.push(directory)
  return directory
}

async function openLinked(changes: Partial<DirectorySettings> = {}) {
  const link = await startLink(Number(new URL(server.addresses.ldaps).port))
  opened.push(link)
  return { link, directory: open({ addresses: { [host]: link.address }, ...changes }) }
}

async function alice(directory: Directory): Promise<User> {
  const located = await directory.locate(server.control.user('alice.adams').immutableId)
  if (located.kind !== 'user') throw new Error(located.kind)
  return located.user
}

/** Begins to set Alice's password; resolves when the write has been handed over. */
async function begin(directory: Directory, user: User) {
  const begun = Promise.withResolvers<void>()
  const result = directory.setPassword(user, Secret.fromText(fine), nothing, () => {
    begun.resolve()
    return true
  })
  result.catch(() => undefined)
  await begun.promise
  return { result }
}

describe('a write without an answer is in doubt', () => {
  test('time-out: the raw socket is reset, and the next operation has a new connection', async () => {
    const { link, directory } = await openLinked()
    const user = await alice(directory)
    server.control.fault({ kind: 'hang', operation: 'modify' })
    const { result } = await begin(directory, user)
    hand.expire()
    await expect(result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    expect(await link.ended).toBe('ECONNRESET')
    expect(await directory.isProtected(user)).toBe(false)
  })

  test('time-out on a stalled link: what had not been sent never is', async () => {
    // What the other side's buffers hold can still be carried out. A search as long as several buffers goes before the write.
    const { link, directory } = await openLinked({ baseDn: `OU=${'x'.repeat(8_000_000)}` })
    const user = await alice(open())
    expect(await directory.facts()).toMatchObject({ reachable: true })
    link.stall()
    directory.locate(server.control.user('bob.brown').immutableId).catch(() => undefined)
    const { result } = await begin(directory, user)
    hand.expire()
    await expect(result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    link.resume()
    expect(await link.ended).toBe('ECONNRESET')
    expect((await directory.passwordState(user)).pwdLastSet).toBe(user.pwdLastSet)
    expect(server.control.user('alice.adams').passwordWrites).toBe(0)
  })

  test('everything else on that connection ends with it: reads as unavailable, writes in doubt', async () => {
    const directory = open()
    const user = await alice(directory)
    server.control.fault({ kind: 'hang' })
    const { result } = await begin(directory, user)
    const other = await begin(directory, user)
    const read = directory.isProtected(user)
    read.catch(() => undefined)
    hand.expire()
    await expect(result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    await expect(other.result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    await expect(read).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
  })

  test('the server died after writing: a new connection reads it back, and a bind proves it', async () => {
    const directory = open()
    const user = await alice(directory)
    server.control.fault({ kind: 'dropAfterWrite', operation: 'modify' })
    const { result } = await begin(directory, user)
    await expect(result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    expect((await directory.passwordState(user)).pwdLastSet).toBeGreaterThan(user.pwdLastSet)
    expect(await directory.provePassword(user, Secret.fromText(fine))).toBe('right')
  })

  test('the server died before writing', async () => {
    const directory = open()
    const user = await alice(directory)
    server.control.fault({ kind: 'dropBeforeWrite', operation: 'modify' })
    const { result } = await begin(directory, user)
    await expect(result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    expect((await directory.passwordState(user)).pwdLastSet).toBe(user.pwdLastSet)
    expect(await directory.provePassword(user, Secret.fromText(fine))).toBe('wrong')
  })

  test('so is "must change" after the password itself', async () => {
    const directory = open()
    const user = await alice(directory)
    const extras = { unlock: true, mustChange: true }
    const dropNext = () => {
      server.control.fault({ kind: 'dropBeforeWrite', operation: 'modify', count: 1 })
      return true
    }
    await expect(directory.setPassword(user, Secret.fromText(fine), extras, dropNext)).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    expect(await directory.finish(user, extras)).toEqual({ kind: 'done' })
    expect(server.control.user('alice.adams').mustChange).toBe(true)
  })
})

describe('the warm connection', () => {
  test('is one for all who come while it is being built', async () => {
    const directory = open()
    await Promise.all(Array.from({ length: 10 }, () => alice(directory)))
    expect(server.control.connections()).toBe(1)
  })

  test('is built and bound anew after it was dropped', async () => {
    const { link, directory } = await openLinked()
    const user = await alice(directory)
    server.control.dropConnections()
    // The end arrives when it arrives: a read that meets it says so, and the next one has a new connection.
    await directory.isProtected(user).catch((error) => expect(error).toEqual(faultOf('DIRECTORY_UNAVAILABLE')))
    expect(await directory.isProtected(user)).toBe(false)
    await link.close()
  })

  test('a read that gets no answer ends as unavailable', async () => {
    const directory = open()
    const user = await alice(directory)
    server.control.fault({ kind: 'hang', operation: 'search' })
    const read = directory.isProtected(user)
    const ended = expect(read).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
    await new Promise(setImmediate)
    hand.expire()
    await ended
  })

  test('is never opened again by ldapts, which would not bind it', async () => {
    const { dn, password } = server.forest.serviceAccount
    const endpoint = endpointOf(`ldaps://${host}`, { [host]: placeOf(server.addresses.ldaps) })
    const options = { clock: hand.clock, ca: authority.ca, openMs: 8000, ldapMs: 8000 }
    const connection = await openConnection(endpoint, { dn, password: Secret.fromText(password) }, options)
    const afterReset = connection.read(async (client) => {
      connection.reset()
      while (client.isConnected) await new Promise(setImmediate)
      return client.search('', { scope: 'base' })
    })
    await expect(afterReset).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
    expect(connection.isOpen()).toBe(false)
    await expect(connection.write(() => Promise.resolve({ kind: 'done' }))).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
  })

  test('comes before the question whether a write may begin', async () => {
    const directory = open()
    const user = await alice(open())
    server.control.fault({ kind: 'unavailable', operation: 'bind' })
    let asked = 0
    const mayBegin = () => {
      asked += 1
      return true
    }
    const first = directory.setPassword(user, Secret.fromText(fine), nothing, mayBegin)
    await expect(first).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
    expect(asked).toBe(0)
    expect(await directory.setPassword(user, Secret.fromText(fine), nothing, mayBegin)).toEqual({ kind: 'done' })
    expect(asked).toBe(1)
  })

  test('is not opened again after close', async () => {
    const directory = open()
    await alice(directory)
    directory.close()
    await expect(alice(directory)).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
    expect(await directory.facts()).toMatchObject({ reachable: false })
  })
})

describe('the way to the PDC emulator', () => {
  test('leads from any server to the one that holds the role, by its name in the directory', async () => {
    const forest = sampleForest({ hostName: 'dc2.corp.example.test' })
    forest.serviceAccount = server.forest.serviceAccount
    const second = await startDirectory({ tls: certificate, forest })
    opened.push(second)
    const entry = `CN=DC2,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,${forest.baseDn}`
    second.control.setAttributes(entry, { dNSHostName: 'DC1.corp.example.test' })
    const addresses = { [host]: placeOf(server.addresses.ldaps), 'dc2.corp.example.test': placeOf(second.addresses.ldaps) }
    const directory = open({ servers: ['ldaps://dc2.corp.example.test'], addresses })
    expect((await alice(directory)).guid.toString('hex')).toHaveLength(32)
    expect(server.control.connections()).toBe(1)
  })

  test('takes the next server when one does not answer', async () => {
    const closed = net.createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const deadEnd = `127.0.0.1:${(closed.address() as AddressInfo).port}`
    closed.close()
    await once(closed, 'close')
    const addresses = { [host]: placeOf(server.addresses.ldaps), 'dc2.corp.example.test': deadEnd }
    const directory = open({ servers: ['ldaps://dc2.corp.example.test', `ldaps://${host}`], addresses })
    expect(await directory.facts()).toMatchObject({ reachable: true })
  })

  test('accepts the older policy-hints control', async () => {
    server.control.setSupportedControls(['1.2.840.113556.1.4.319', '1.2.840.113556.1.4.2066'])
    const directory = open()
    const { result } = await begin(directory, await alice(directory))
    expect(await result).toEqual({ kind: 'done' })
  })

  test.each<[string, FaultCode, () => Directory]>([
    [
      'without policy hints',
      'DIRECTORY_CONFIGURATION',
      () => {
        server.control.setSupportedControls(['1.2.840.113556.1.4.319'])
        return open()
      },
    ],
    [
      'without an owner of the role',
      'DIRECTORY_CONFIGURATION',
      () => {
        server.control.setAttributes(server.forest.baseDn, { fSMORoleOwner: null })
        return open()
      },
    ],
    ['in another domain', 'DIRECTORY_CONFIGURATION', () => open({ domain: 'other.example.test' })],
    ['with a wrong password', 'DIRECTORY_CONFIGURATION', () => open({ bindPassword: Secret.fromText('Not-The-Word-1') })],
    ['with an unknown authority', 'DIRECTORY_UNAVAILABLE', () => open({ ca: undefined })],
    [
      'with a certificate for another name',
      'DIRECTORY_UNAVAILABLE',
      () => open({ servers: ['ldaps://dc3.corp.example.test'], addresses: { 'dc3.corp.example.test': placeOf(server.addresses.ldaps) } }),
    ],
    [
      'on the clear port',
      'DIRECTORY_UNAVAILABLE',
      () => open({ addresses: { [host]: placeOf(server.addresses.ldap ?? 'ldap://127.0.0.1:1') } }),
    ],
  ])('ends %s: %s', async (_, code, opening) => {
    const directory = opening()
    await expect(alice(directory)).rejects.toEqual(faultOf(code))
    const event = code === 'DIRECTORY_CONFIGURATION' ? 'directoryConfiguration' : 'directoryError'
    expect(logged).toEqual([{ event, domain: expect.stringMatching(/^[A-Za-z0-9_-]{11}$/), fault: code }])
  })

  test('wrong credentials are tried once, not on every server', async () => {
    const directory = open({ servers: [`ldaps://${host}`, `ldaps://${host}`], bindPassword: Secret.fromText('Not-The-Word-1') })
    await expect(alice(directory)).rejects.toEqual(faultOf('DIRECTORY_CONFIGURATION'))
    expect(server.control.user(server.forest.serviceAccount.dn).badPwdCount).toBe(1)
  })

  test('a server that takes the connection and says nothing is given up', async () => {
    const silent = net.createServer()
    const taken = once(silent, 'connection')
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const directory = open({ addresses: { [host]: `127.0.0.1:${(silent.address() as AddressInfo).port}` } })
    const located = alice(directory)
    const ended = expect(located).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
    const [socket] = (await taken) as [Socket]
    socket.on('error', () => undefined)
    hand.expire()
    await ended
    socket.destroy()
    silent.close()
    await once(silent, 'close')
  })
})
