/**
 * One domain as the agent sees it: everything it may ask and the one thing it may do, over one warm connection to the PDC
 * emulator (a new connection and bind for each reset would double its time).
 *
 * The connection is built when it is first needed, once for all who wait, and built anew after it broke; nothing is tried
 * again here. Faults: DIRECTORY_UNAVAILABLE (nothing was written), DIRECTORY_WRITE_IN_DOUBT, DIRECTORY_CONFIGURATION,
 * DIRECTORY_REFUSED (a read was refused; nothing was written).
 */
import { createHash } from 'node:crypto'
import { debuglog } from 'node:util'
import type { Clock } from '../../shared/clock.ts'
import { Fault, faultWord, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { AgentOutcome } from '../../shared/outcome-code.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import type { Secret } from '../../shared/secret.ts'
import { endpointOf, type WriteResult } from './connection.ts'
import { diagnose, eligibility } from './diagnosis.ts'
import { type Located, locate, type User } from './locate.ts'
import { openPdc, type Pdc } from './pdc.ts'
import { keepPolicies, type Policy } from './policy.ts'
import { type PasswordState, type Proof, passwordState, provePassword } from './proof.ts'
import { isProtected } from './protected.ts'
import type { Refusal } from './refusal.ts'
import { readServerNow } from './rows.ts'
import { type Extras, finish, type SetResult, setPassword } from './set-password.ts'

export type { Extras, Refusal, User }

export interface DirectorySettings {
  /** `ldaps://host[:port]`, tried in this order; any domain controller of the domain. */
  servers: readonly string[]
  /** Host name -> "ip" or "ip:port", for hosts that DNS does not know. Certificates are checked for the host name all the same. */
  addresses: Readonly<Record<string, string>>
  /** PEM of the authority that issued the servers' certificates; without it, the machine's trusted ones. */
  ca?: string | undefined
  bindDn: string
  bindPassword: Secret
  /** Accounts are looked for below this. */
  baseDn: string
  /** Limit of one LDAP operation, and of building a connection. */
  ldapMs: number
  /** DNS name. */
  domain: string
}

export interface DirectoryFacts {
  /** SHA-256 of the domain's DNS name in lower case, first 8 bytes. */
  domainId: Buffer
  reachable: boolean
  /** As last read; zeros as long as the domain was never reached. */
  policy: PolicyFacts
}

export interface Directory {
  locate(sourceAnchor: string): Promise<Located>
  isProtected(user: User): Promise<boolean>
  /** Before the write: disabled, expired, smart card, minimum age. */
  eligibility(user: User): Promise<AgentOutcome | undefined>
  setPassword(user: User, password: Secret, extras: Extras, mayBegin: () => boolean): Promise<SetResult>
  /** The extras alone. */
  finish(user: User, extras: Extras, mayBegin?: () => boolean): Promise<WriteResult>
  /** Never throws: an answered refusal stays an answer when the policy cannot be read any more. */
  diagnose(user: User, password: Secret, refusal: Refusal): Promise<AgentOutcome>
  passwordState(user: User): Promise<PasswordState>
  provePassword(user: User, password: Secret): Promise<Proof>
  /** The rules for this user; undefined if a fine-grained policy applies that cannot be read. */
  policy(user: User): Promise<Policy | undefined>
  /** For the heartbeat: asks the server, never throws. */
  facts(): Promise<DirectoryFacts>
  close(): void
}

const noPolicy: PolicyFacts = { minLength: 0, historyLength: 0, complexity: false, minAgeMinutes: 0 }

export const domainIdOf = (domain: string): Buffer => createHash('sha256').update(domain.toLowerCase()).digest().subarray(0, 8)

export function openDirectory(settings: DirectorySettings, { clock, log }: { clock: Clock; log: Log }): Directory {
  refuseDebugLog()
  for (const server of settings.servers) endpointOf(server, settings.addresses) // throws now, not at the first request
  const domainId = domainIdOf(settings.domain)
  const options = { ...settings, clock, credentials: { dn: settings.bindDn, password: settings.bindPassword } }
  const warm = keepWarm(() => openPdc(options), reportTo(log, domainId), clock)
  const policies = keepPolicies(clock)
  let lastPolicy = noPolicy
  return {
    locate: async (sourceAnchor) => locate((await warm.get()).connection, settings.baseDn, sourceAnchor),
    isProtected: async (user) => isProtected((await warm.get()).connection, user),
    eligibility: async (user) => eligibility(user, await policies.of(await warm.get(), user)),
    setPassword: async (user, password, extras, mayBegin) => setPassword(await warm.get(), user, password, extras, mayBegin),
    finish: async (user, extras, mayBegin = () => true) => finish((await warm.get()).connection, user, extras, mayBegin),
    async diagnose(user, password, refusal) {
      const policy = await warm
        .get()
        .then((pdc) => policies.of(pdc, user))
        .catch(() => undefined)
      return diagnose(password, user, policy, refusal)
    },
    passwordState: async (user) => passwordState(await warm.get(), user),
    provePassword: async (user, password) => provePassword(await warm.get(), user, password, { ...options, openMs: settings.ldapMs }),
    policy: async (user) => policies.of(await warm.get(), user),
    async facts() {
      try {
        const pdc = await warm.get()
        await readServerNow(pdc.connection)
        lastPolicy = await policies.ofDomain(pdc)
        return { domainId, reachable: true, policy: lastPolicy }
      } catch {
        return { domainId, reachable: false, policy: lastPolicy }
      }
    },
    close: () => warm.close(),
  }
}

/** A refused service account is left alone this long: several agents share it, and every attempt counts towards its lock-out. */
const heldBackMs = 5 * 60_000

/** One connection at a time; whoever comes while it is being built waits for the same one. */
function keepWarm(open: () => Promise<Pdc>, report: (error: unknown) => void, clock: Clock) {
  let heldBack: { by: Fault; until: number } | undefined
  let current: Pdc | undefined
  let opening: Promise<Pdc> | undefined
  let closed = false
  const build = async () => {
    try {
      current = await open()
      if (closed) current.connection.reset()
      return current
    } catch (error) {
      report(error)
      if (isFault(error) && error.permanent) heldBack = { by: error, until: clock.monotonic() + heldBackMs }
      throw error
    } finally {
      opening = undefined
    }
  }
  return {
    async get(): Promise<Pdc> {
      if (closed) throw new Fault('DIRECTORY_UNAVAILABLE', 'the directory was closed')
      if (current?.connection.isOpen()) return current
      if (heldBack && clock.monotonic() < heldBack.until) throw heldBack.by
      opening ??= build()
      return opening
    },
    close(): void {
      closed = true
      current?.connection.reset()
    },
  }
}

const reportTo = (log: Log, domainId: Buffer) => (error: unknown) =>
  log(isFault(error, 'DIRECTORY_CONFIGURATION') ? 'directoryConfiguration' : 'directoryError', {
    domain: domainId.toString('base64url'),
    fault: faultWord(error),
  })

/** NODE_DEBUG=ldapts prints requests, and with them names and attribute values. */
function refuseDebugLog(): void {
  if (debuglog('ldapts').enabled) throw new Fault('SETTINGS_INVALID', 'NODE_DEBUG must not include ldapts', { permanent: true })
}
