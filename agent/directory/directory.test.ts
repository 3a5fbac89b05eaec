import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../shared/clock.ts'
import { domainIdOf } from '../../shared/event.ts'
import { isFault } from '../../shared/fault.ts'
import { Secret } from '../../shared/secret.ts'
import { endpointOf, openConnection } from './connection.ts'
import { authority, clockByHand, faultOf, fine, host, nothing, placeOf, type Sample, startSample } from './directory.fixture.ts'
import { openDomain } from './domain.ts'

let sample: Sample
let hand: ReturnType<typeof clockByHand>
beforeEach(async () => {
  hand = clockByHand()
  sample = await startSample({ clock: hand.clock })
})
afterEach(() => sample.close())

test('facts for the heartbeat', async () => {
  const policy = { minLength: 10, historyLength: 5, complexity: true, minAgeMinutes: 0, lockoutThreshold: 10, lockoutMinutes: 30 }
  const id = domainIdOf('CORP.example.test')
  expect(id).toHaveLength(8)
  expect(await sample.directory.facts()).toMatchObject([{ id, reachable: true, policy }])
  sample.server.control.fault({ kind: 'unavailable', operation: 'search' })
  expect(await sample.directory.facts()).toMatchObject([{ id, reachable: false, policy }])
})

test('refuses to start where ldapts would print its messages', async () => {
  const script = `import { openDomain } from './agent/directory/domain.ts'; openDomain({ servers: [] }, {})`
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, NODE_DEBUG: 'ldapts' },
  })
  await expect(run).rejects.toThrow('SETTINGS_INVALID')
})

test('settings are checked before anything is asked', () => {
  const bad = {
    servers: ['ldap://dc1'],
    addresses: {},
    bindDn: '',
    bindPassword: Secret.fromText('x'),
    ldapMs: 1,
    domain: 'a',
    controllers: 'pdcEmulator',
  } as const
  const opening = () => openDomain(bad, { clock: systemClock, log: () => undefined })
  expect(opening).toThrow(expect.toSatisfy((error) => isFault(error, 'DIRECTORY_CONFIGURATION') && error.permanent))
})

describe('the warm connection', () => {
  test('is one for all who come while it is being built', async () => {
    const directory = sample.open()
    await Promise.all(Array.from({ length: 10 }, () => sample.find('alice.adams', directory)))
    expect(sample.server.control.connections()).toBe(1)
  })

  test('is built and bound anew after it was dropped', async () => {
    const { directory } = sample
    const user = await sample.find('alice.adams')
    sample.server.control.dropConnections()
    // The end arrives when it arrives: a read that meets it says so, and the next one has a new connection.
    await directory.passwordState(user).catch((error: unknown) => expect(error).toEqual(faultOf('DIRECTORY_UNAVAILABLE')))
    expect(await directory.passwordState(user)).toMatchObject({ pwdLastSet: user.pwdLastSet })
  })

  test('a read that gets no answer ends as unavailable', async () => {
    const directory = sample.open()
    const user = await sample.find('alice.adams', directory)
    sample.server.control.fault({ kind: 'hang', operation: 'search' })
    const read = directory.passwordState(user)
    const ended = expect(read).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
    await new Promise(setImmediate)
    hand.expire()
    await ended
  })

  test('is never opened again by ldapts, which would not bind it', async () => {
    const { dn, password } = sample.server.forest.serviceAccount
    const endpoint = endpointOf(`ldaps://${host}`, { [host]: placeOf(sample.server.addresses.ldaps) })
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
    const directory = sample.open()
    const user = await sample.find('alice.adams')
    sample.server.control.fault({ kind: 'unavailable', operation: 'bind' })
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
    const directory = sample.open()
    const alice = await sample.find('alice.adams', directory)
    directory.close()
    await expect(directory.passwordState(alice)).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
    expect(await directory.facts()).toMatchObject([{ reachable: false }])
  })
})
