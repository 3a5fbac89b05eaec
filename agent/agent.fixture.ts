/**
 * For the tests beside this file only: a directory, a journal on disk, keys in memory and requests as functions send them.
 *
 * Everything runs on one virtual clock; the broker's is seven hours ahead of it, because nothing may compare the two. The
 * directory is the real client on the stand-in over LDAPS; `observed` sees what goes through it and lets tests wait for it.
 */
import { constants, createHash, generateKeyPairSync, privateDecrypt, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { makeAuthority } from '../local/ca.ts'
import { startDirectory } from '../local/directory/directory.ts'
import { filetime } from '../local/directory/identifiers.ts'
import type { PackageKey } from '../shared/envelope.ts'
import { Fault, isFault } from '../shared/fault.ts'
import { flags, type Reply, type Request } from '../shared/payload.ts'
import type { Delivery } from '../shared/relay/client.ts'
import { messageIdOf, newId, openReply, type PasswordKey, sealField, sealRequest } from '../shared/seal.ts'
import { Secret } from '../shared/secret.ts'
import { defaultTimes } from '../shared/times.ts'
import { virtualClock } from '../test/virtual-clock.ts'
import { openCeilings } from './ceilings.ts'
import type { Directory } from './directory/directory.ts'
import { openOneDomain } from './directory/one-domain.fixture.ts'
import { type Handling, handle } from './handle.ts'
import { type Journal, openJournal } from './journal.ts'
import type { AgentKeys } from './keys.ts'
import { openLanes } from './lanes.ts'
import { decisions } from './redelivery.ts'
import { createTally } from './tally.ts'

export const tenantId = randomBytes(16)
export const agentId = randomBytes(16)
export const times = defaultTimes
export const fine = 'Quite-Different-77'
const brokerAheadMs = 7 * 3_600_000
const host = 'dc1.corp.example.test'
const authority = await makeAuthority()
const certificate = await authority.issue({ commonName: host, dnsNames: [host], ipAddresses: [] })
const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** An `AgentKeys` without a vault: the same key for all, which can be taken away, held up or disabled. */
export function memoryKeys() {
  const packageKey: PackageKey = { version: randomBytes(16), bytes: randomBytes(32) }
  const passwordKey: PasswordKey = { version: randomBytes(16), publicKey: pair.publicKey }
  const state = { away: false, disabled: false, held: Promise.resolve() }
  const decrypted: Buffer[] = []
  const present = () => {
    if (state.away) throw new Fault('KEY_UNAVAILABLE', 'the vault did not answer')
  }
  const keys: AgentKeys = {
    async packageKey(version) {
      present()
      return packageKey.version.every((byte, i) => byte === version[i]) ? packageKey : undefined
    },
    opened() {},
    async decrypt(version, blob) {
      await state.held
      present()
      if (state.disabled || !version.equals(passwordKey.version)) return undefined
      try {
        const plaintext = privateDecrypt({ key: pair.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, blob)
        decrypted.push(plaintext)
        return plaintext
      } catch {
        return undefined
      }
    },
    forEvents: async () => packageKey,
    prove: async () => ({ packageKeys: [Buffer.from(packageKey.version)], passwordKeys: [Buffer.from(passwordKey.version)] }),
  }
  return { keys, packageKey, passwordKey, state, decrypted }
}

/** Every password that went to the directory, and a way to wait until one of its methods has answered. */
function observed(directory: Directory) {
  const secrets = new Set<Secret>()
  const waiting = new Map<PropertyKey, PromiseWithResolvers<void>>()
  const calls: string[] = []
  const proxy = new Proxy(directory, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        calls.push(String(name))
        for (const arg of args) if (arg instanceof Secret) secrets.add(arg)
        const result: unknown = method.apply(target, args)
        if (result instanceof Promise) void result.catch(() => {}).then(() => waiting.get(name)?.resolve())
        return result
      }
    },
  })
  const answered = (name: keyof Directory): Promise<void> => {
    const next = Promise.withResolvers<void>()
    waiting.set(name, next)
    return next.promise
  }
  return { directory: proxy, secrets, calls, answered }
}

export interface Wish {
  sam: string
  id: Buffer
  messageId: string
  body: Buffer
  enqueuedAt: number
  sequenceNumber: string
}

export type Bench = Awaited<ReturnType<typeof startBench>>

export async function startBench() {
  const clock = virtualClock()
  const server = await startDirectory({ tls: certificate, clock })
  const { forest } = server
  const vault = memoryKeys()
  const logged: { event: string; [field: string]: unknown }[] = []
  const log = (event: string, fields = {}) => void logged.push({ event, ...fields })
  const settings = {
    servers: [`ldaps://${host}`],
    addresses: { [host]: new URL(server.addresses.ldaps).host },
    ca: authority.ca,
    bindDn: forest.serviceAccount.dn,
    bindPassword: Secret.fromText(forest.serviceAccount.password),
    baseDn: forest.baseDn,
    ldapMs: times.ldapMs,
    domain: 'corp.example.test',
  }
  const real = openOneDomain(settings, { clock, log })
  const seen = observed(real)
  const ceilings = openCeilings({ perMinute: 20, perPersonPerHour: 5, stopFile: join(tmpdir(), 'no-such-file-STOP') }, clock)
  const folder = mkdtempSync(join(tmpdir(), 'agent-'))
  const journals: Journal[] = []
  let sequence = 0
  // Everybody's password was set an hour ago.
  await clock.advance(3_600_000)

  const journalOf = (name = 'journal') => {
    const journal = openJournal(join(folder, `${name}.sqlite`), clock.monotonic())
    journals.push(journal)
    return journal
  }
  const depsWith = (journal: Journal) => {
    const shared = {
      agentId,
      tenantId,
      times,
      decisions,
      keys: vault.keys,
      directory: seen.directory,
      tally: createTally(),
      ceilings,
      lanes: openLanes(2, clock),
      clock,
      log,
    }
    return { ...shared, journal }
  }
  const brokerNow = () => clock.now() + brokerAheadMs

  function wish(
    sam: string,
    password: string,
    over: Partial<Request> = {},
    anchor = server.control.user(sam).immutableId,
    id = newId(),
  ): Wish {
    const request: Request = {
      operation: 'reset',
      actor: 'self',
      issuedAt: brokerNow(),
      startWithinMs: times.startWithinMs,
      cloudAnchor: createHash('sha256').update(sam).digest().subarray(0, 16),
      sourceAnchor: anchor,
      passwordKey: Buffer.from(vault.passwordKey.version),
      newPassword: sealField(Buffer.from(password), 'new', vault.passwordKey, id, anchor),
      flags: flags.unlock,
      ...over,
    }
    sequence += 1
    const body = sealRequest(request, vault.packageKey, tenantId, id)
    return { sam, id, messageId: messageIdOf(id), body, enqueuedAt: brokerNow(), sequenceNumber: String(sequence) }
  }

  /** A change, with the old password as proof. */
  function changeWish(sam: string, old: string, password: string, over: Partial<Request> = {}): Wish {
    const anchor = server.control.user(sam).immutableId
    // Both passwords are bound to the request's id, which `wish` makes: sealed again under the one that is used.
    const id = newId()
    const seal = (text: string, field: 'new' | 'old') => sealField(Buffer.from(text), field, vault.passwordKey, id, anchor)
    return wish(
      sam,
      password,
      { operation: 'change', newPassword: seal(password, 'new'), oldPassword: seal(old, 'old'), flags: 0, ...over },
      anchor,
      id,
    )
  }

  /** Without a password: unlock or check. */
  function plainWish(sam: string, operation: 'unlock' | 'check'): Wish {
    return wish(sam, fine, { operation, newPassword: undefined, passwordKey: undefined, flags: 0 })
  }

  /** Taken from the queue now. */
  function delivery(of: Wish, over: Partial<Delivery> = {}): Delivery {
    return {
      messageId: of.messageId,
      correlationId: undefined,
      replyToSessionId: 'session',
      body: of.body,
      sequenceNumber: of.sequenceNumber,
      deliveryCount: 0,
      enqueuedAt: of.enqueuedAt,
      lockedUntil: brokerNow() + times.lockMs,
      received: { wall: clock.now(), monotonic: clock.monotonic() },
      renew: async () => ({ lockedUntil: brokerNow() + times.lockMs, received: { wall: clock.now(), monotonic: clock.monotonic() } }),
      complete: async () => {},
      abandon: async () => {},
      ...over,
    }
  }

  function reply(of: Wish, handling: Handling): Reply {
    if (handling.kind !== 'answered') throw new Error('there is no reply')
    return openReply(handling.reply, vault.packageKey, tenantId, of.id)
  }

  const deps = depsWith(journalOf())

  /** One delivery as the loop does it, on a relay that always works. */
  async function deliver(of: Wish, over: Partial<Delivery> = {}, by = deps): Promise<Handling> {
    const handling = await handle(delivery(of, over), by)
    if (handling.kind === 'answered') {
      handling.record()
      handling.told()
    }
    return handling
  }

  return {
    clock,
    server,
    ca: authority.ca,
    vault,
    logged,
    log,
    seen,
    deps,
    depsWith,
    journalOf,
    folder,
    wish,
    changeWish,
    plainWish,
    ceilings,
    delivery,
    reply,
    deliver,
    /** The outcome of one delivery, at this agent or at another. */
    outcome: async (of: Wish, over: Partial<Delivery> = {}, by = deps) => reply(of, await deliver(of, over, by)).outcome,
    /** As somebody else in the directory would. */
    async setPassword(sam: string, password: string) {
      const located = await real.locate(server.control.user(sam).immutableId)
      if (located.kind !== 'user') throw new Error(located.kind)
      const nothing = { unlock: false, mustChange: false }
      expect(await real.setPassword(located.user, Secret.fromText(password), nothing, () => true)).toEqual({ kind: 'done' })
    },
    /** By too many wrong attempts, as the directory sees it. */
    lock: (sam: string) => server.control.setAttributes(sam, { lockoutTime: String(filetime(clock.now())) }),
    writes: (sam: string) => server.control.user(sam).passwordWrites,
    has: (sam: string, password: string) => server.control.verifyPassword(sam, password),
    async close() {
      // Whatever a test was about: no password outlives its delivery.
      for (const secret of seen.secrets) expect(() => secret.use(() => 'reached')).toThrow(wiped)
      for (const plaintext of vault.decrypted) expect(plaintext.every((byte) => byte === 0)).toBe(true)
      real.close()
      for (const journal of journals) journal.close()
      await server.close()
      rmSync(folder, { recursive: true })
    },
  }
}

const wiped = expect.toSatisfy((error) => isFault(error, 'SECRET_WIPED'))
