import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sampleForest } from '../../local/directory/seed.ts'
import type { FaultCode } from '../../shared/fault.ts'
import { Secret } from '../../shared/secret.ts'
import { always, clockByHand, faultOf, fine, host, nothing, placeOf, type Sample, startSample } from './directory.fixture.ts'
import type { Directory } from './directory.ts'

let sample: Sample
let hand: ReturnType<typeof clockByHand>
beforeEach(async () => {
  hand = clockByHand()
  sample = await startSample({ clock: hand.clock })
})
afterEach(() => sample.close())

describe('the way to the PDC emulator', () => {
  test('leads from any server to the one that holds the role, by its name in the directory', async () => {
    const forest = sampleForest({ hostName: 'dc2.corp.example.test' })
    forest.serviceAccount = sample.server.forest.serviceAccount
    const second = await sample.startAnother(forest)
    const entry = `CN=DC2,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,${forest.baseDn}`
    second.control.setAttributes(entry, { dNSHostName: 'DC1.corp.example.test' })
    const addresses = { [host]: placeOf(sample.server.addresses.ldaps), 'dc2.corp.example.test': placeOf(second.addresses.ldaps) }
    const directory = sample.open({ servers: ['ldaps://dc2.corp.example.test'], addresses })
    expect((await sample.find('alice.adams', directory)).guid.toString('hex')).toHaveLength(32)
    expect(sample.server.control.connections()).toBe(1)
  })

  test('takes the next server when one does not answer', async () => {
    const deadEnd = await unusedPort()
    const addresses = { [host]: placeOf(sample.server.addresses.ldaps), 'dc2.corp.example.test': deadEnd }
    const directory = sample.open({ servers: ['ldaps://dc2.corp.example.test', `ldaps://${host}`], addresses })
    expect(await directory.facts()).toMatchObject([{ reachable: true }])
  })

  test('accepts the older policy-hints control', async () => {
    sample.server.control.setSupportedControls(['1.2.840.113556.1.4.319', '1.2.840.113556.1.4.2066'])
    const directory = sample.open()
    const alice = await sample.find('alice.adams', directory)
    expect(await directory.setPassword(alice, Secret.fromText(fine), nothing, always)).toEqual({ kind: 'done' })
  })

  test.each<[string, FaultCode, () => Directory]>([
    [
      'without policy hints',
      'DIRECTORY_CONFIGURATION',
      () => {
        sample.server.control.setSupportedControls(['1.2.840.113556.1.4.319'])
        return sample.open()
      },
    ],
    [
      'without an owner of the role',
      'DIRECTORY_CONFIGURATION',
      () => {
        sample.server.control.setAttributes(sample.server.forest.baseDn, { fSMORoleOwner: null })
        return sample.open()
      },
    ],
    [
      'in another domain',
      'DIRECTORY_CONFIGURATION',
      () => sample.open({ domain: 'other.example.test', baseDn: 'DC=other,DC=example,DC=test' }),
    ],
    ['with a wrong password', 'DIRECTORY_CONFIGURATION', () => sample.open({ bindPassword: Secret.fromText('Not-The-Word-1') })],
    ['with an unknown authority', 'DIRECTORY_UNAVAILABLE', () => sample.open({ ca: undefined })],
    [
      'with a certificate for another name',
      'DIRECTORY_UNAVAILABLE',
      () =>
        sample.open({
          servers: ['ldaps://dc3.corp.example.test'],
          addresses: { 'dc3.corp.example.test': placeOf(sample.server.addresses.ldaps) },
        }),
    ],
    [
      'on the clear port',
      'DIRECTORY_UNAVAILABLE',
      () => sample.open({ addresses: { [host]: placeOf(sample.server.addresses.ldap ?? 'ldap://127.0.0.1:1') } }),
    ],
  ])('ends %s: %s', async (_, code, opening) => {
    const directory = opening()
    await expect(sample.find('alice.adams', directory)).rejects.toEqual(faultOf(code))
    const event = code === 'DIRECTORY_CONFIGURATION' ? 'directoryConfiguration' : 'directoryError'
    expect(sample.logged).toEqual([{ event, domain: expect.stringMatching(/^[A-Za-z0-9_-]{11}$/), fault: code }])
  })

  test('wrong credentials are tried once, not on every server, and not again before five minutes have passed', async () => {
    const { dn } = sample.server.forest.serviceAccount
    const attempts = () => sample.server.control.user(dn).badPwdCount
    const directory = sample.open({ servers: [`ldaps://${host}`, `ldaps://${host}`], bindPassword: Secret.fromText('Not-The-Word-1') })
    const locating = () => expect(sample.find('alice.adams', directory)).rejects.toEqual(faultOf('DIRECTORY_CONFIGURATION'))
    await locating()
    hand.pass(5 * 60_000 - 1)
    await locating()
    expect(attempts()).toBe(1)
    hand.pass(1)
    await locating()
    expect(attempts()).toBe(2)
  })

  test('a server that takes the connection and says nothing is given up', async () => {
    const silent = net.createServer()
    const taken = once(silent, 'connection')
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const directory = sample.open({ addresses: { [host]: `127.0.0.1:${(silent.address() as AddressInfo).port}` } })
    const located = sample.find('alice.adams', directory)
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

describe('the role', () => {
  const second = 'dc2.corp.example.test'
  /** Another controller of the same domain, which names `holder` as the PDC emulator; not a replica: it has its own people. */
  async function startSecond(holder: string) {
    const forest = sampleForest({ hostName: second })
    forest.serviceAccount = sample.server.forest.serviceAccount
    const controller = await sample.startAnother(forest)
    const entry = `CN=DC2,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,${forest.baseDn}`
    controller.control.setAttributes(entry, { dNSHostName: holder })
    return controller
  }
  const roleHolder = `CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,DC=corp,DC=example,DC=test`

  test('is looked for again at every heartbeat: when it moves, so does the connection', async () => {
    const other = await startSecond(second)
    const addresses = { [host]: placeOf(sample.server.addresses.ldaps), [second]: placeOf(other.addresses.ldaps) }
    const directory = sample.open({ addresses })
    expect(await directory.facts()).toMatchObject([{ reachable: true }])
    expect(other.control.connections()).toBe(0)
    sample.server.control.setAttributes(roleHolder, { dNSHostName: second })
    // The server that lost it still answers this one.
    expect(await directory.facts()).toMatchObject([{ reachable: true }])
    const passwordIsSet = async (sam: string) => {
      const located = await directory.locate(other.control.user(sam).immutableId)
      if (located.kind !== 'user') throw new Error(located.kind)
      return directory.setPassword(located.user, Secret.fromText(fine), nothing, always)
    }
    expect(await passwordIsSet('alice.adams')).toEqual({ kind: 'done' })
    expect(other.control.verifyPassword('alice.adams', fine)).toBe(true)
    expect(sample.server.control.user('alice.adams').passwordWrites).toBe(0)
  })

  test.each([
    ['nobody else is written to', 'pdcEmulator' as const],
    ['another writable controller is, and the event says which', 'anyWritable' as const],
  ])('while its holder is away: %s', async (_, controllers) => {
    const other = await startSecond('dc9.corp.example.test')
    const nowhere = await unusedPort()
    const addresses = { [second]: placeOf(other.addresses.ldaps), 'dc9.corp.example.test': nowhere }
    const directory = sample.open({ servers: [`ldaps://${second}`], addresses, controllers })
    const locating = directory.locate(other.control.user('alice.adams').immutableId)
    if (controllers === 'pdcEmulator') return expect(locating).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
    expect(await locating).toMatchObject({ kind: 'user' })
    expect(sample.logged).toEqual([{ event: 'otherController', domain: expect.any(String), server: second }])
  })

  test('when its holder is back, the next heartbeat goes to it again', async () => {
    const other = await startSecond(host)
    const addresses = { [second]: placeOf(other.addresses.ldaps), [host]: await unusedPort() }
    const directory = sample.open({ servers: [`ldaps://${second}`], addresses, controllers: 'anyWritable' })
    await directory.facts()
    addresses[host] = placeOf(sample.server.addresses.ldaps)
    await directory.facts()
    expect(await directory.locate(sample.server.control.user('alice.adams').immutableId)).toMatchObject({ kind: 'user' })
    expect(sample.logged.filter((each) => (each as { event: string }).event === 'otherController')).toHaveLength(1)
  })
})

async function unusedPort(): Promise<string> {
  const closed = net.createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  await once(closed, 'close')
  return `127.0.0.1:${port}`
}
