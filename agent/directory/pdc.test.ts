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
    const closed = net.createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const deadEnd = `127.0.0.1:${(closed.address() as AddressInfo).port}`
    closed.close()
    await once(closed, 'close')
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
