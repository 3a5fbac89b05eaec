import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Secret } from '../../shared/secret.ts'
import { clockByHand, faultOf, fine, host, nothing, type Sample, startSample } from './directory.fixture.ts'
import type { Directory, User } from './directory.ts'

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

let sample: Sample
let hand: ReturnType<typeof clockByHand>
beforeEach(async () => {
  hand = clockByHand()
  sample = await startSample({ clock: hand.clock })
})
afterEach(() => sample.close())

async function openLinked() {
  const link = await startLink(Number(new URL(sample.server.addresses.ldaps).port))
  sample.own(link)
  return { link, directory: sample.open({ addresses: { [host]: link.address } }) }
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
    const user = await sample.find('alice.adams', directory)
    sample.server.control.fault({ kind: 'hang', operation: 'modify' })
    const { result } = await begin(directory, user)
    hand.expire()
    await expect(result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    expect(await link.ended).toBe('ECONNRESET')
    expect(await directory.passwordState(user)).toMatchObject({ pwdLastSet: user.pwdLastSet })
  })

  test('time-out on a stalled link: what had not been sent never is', async () => {
    // What the other side's buffers hold can still be carried out. A search as long as several buffers goes before the write.
    const { link, directory } = await openLinked()
    const user = await sample.find('alice.adams')
    expect(await directory.facts()).toMatchObject([{ reachable: true }])
    link.stall()
    directory.policy({ ...user, policyObject: `OU=${'x'.repeat(8_000_000)}` }).catch(() => undefined)
    const { result } = await begin(directory, user)
    hand.expire()
    await expect(result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    link.resume()
    expect(await link.ended).toBe('ECONNRESET')
    expect((await directory.passwordState(user)).pwdLastSet).toBe(user.pwdLastSet)
    expect(sample.server.control.user('alice.adams').passwordWrites).toBe(0)
  })

  test('everything else on that connection ends with it: reads as unavailable, writes in doubt', async () => {
    const directory = sample.open()
    const user = await sample.find('alice.adams', directory)
    sample.server.control.fault({ kind: 'hang' })
    const { result } = await begin(directory, user)
    const other = await begin(directory, user)
    const read = directory.passwordState(user)
    read.catch(() => undefined)
    hand.expire()
    await expect(result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    await expect(other.result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    await expect(read).rejects.toEqual(faultOf('DIRECTORY_UNAVAILABLE'))
  })

  test('the server died after writing: a new connection reads it back, and a bind proves it', async () => {
    const directory = sample.open()
    const user = await sample.find('alice.adams', directory)
    sample.server.control.fault({ kind: 'dropAfterWrite', operation: 'modify' })
    const { result } = await begin(directory, user)
    await expect(result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    expect((await directory.passwordState(user)).pwdLastSet).toBeGreaterThan(user.pwdLastSet)
    expect(await directory.provePassword(user, Secret.fromText(fine))).toBe('right')
  })

  test('the server died before writing', async () => {
    const directory = sample.open()
    const user = await sample.find('alice.adams', directory)
    sample.server.control.fault({ kind: 'dropBeforeWrite', operation: 'modify' })
    const { result } = await begin(directory, user)
    await expect(result).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    expect((await directory.passwordState(user)).pwdLastSet).toBe(user.pwdLastSet)
    expect(await directory.provePassword(user, Secret.fromText(fine))).toBe('wrong')
  })

  test('so are the extras, which can be done again', async () => {
    const user = await sample.find('frank.locked')
    const extras = { unlock: true, mustChange: true }
    sample.server.control.fault({ kind: 'dropBeforeWrite', operation: 'modify' })
    await expect(sample.directory.finish(user, extras)).rejects.toEqual(faultOf('DIRECTORY_WRITE_IN_DOUBT'))
    expect(await sample.directory.finish(user, extras)).toEqual({ kind: 'done' })
    expect(sample.server.control.user('frank.locked')).toMatchObject({ locked: false, mustChange: true })
  })
})
