/**
 * One domain as the agent sees it: everything it may ask and the few things it may do, over one warm connection to the PDC
 * emulator (a new connection and bind for each reset would double its time).
 *
 * Faults: DIRECTORY_UNAVAILABLE (nothing was written), DIRECTORY_WRITE_IN_DOUBT, DIRECTORY_CONFIGURATION, DIRECTORY_REFUSED
 * (a read was refused; nothing was written). Times in the directory are compared with its own clock alone (`serverNow`).
 */
import { debuglog } from 'node:util'
import type { Clock } from '../../shared/clock.ts'
import { domainIdOf } from '../../shared/event.ts'
import { Fault, faultWord, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { AgentOutcome } from '../../shared/outcome-code.ts'
import type { PolicyFacts } from '../../shared/payload.ts'
import type { Secret } from '../../shared/secret.ts'
import { readAccount, searchAccounts, type User, type View } from './account.ts'
import { endpointOf, type WriteResult } from './connection.ts'
import { diagnose, eligibility, nearLockOut } from './diagnosis.ts'
import { currentPdcHost, openPdc, type Pdc, timeNow } from './pdc.ts'
import { keepPolicies, type Policy } from './policy.ts'
import { type PasswordState, type Proof, passwordState, provePassword } from './proof.ts'
import type { Refusal } from './refusal.ts'
import { readServerNow } from './rows.ts'
import { changePassword, type Extras, finish, type SetResult, setPassword } from './set-password.ts'
import { keepWarm } from './warm.ts'

export interface DomainSettings {
  /** DNS name. */
  domain: string
  /** `ldaps://host[:port]`, tried in this order; any domain controllers of the domain. */
  servers: readonly string[]
  /** Host name -> "ip" or "ip:port", for hosts that DNS does not know. Certificates are checked for the host name all the same. */
  addresses: Readonly<Record<string, string>>
  controllers: 'pdcEmulator' | 'anyWritable'
  /** PEM of the authority that issued the servers' certificates; without it, the machine's trusted ones. */
  ca?: string | undefined
  bindDn: string
  bindPassword: Secret
  /** Limit of one LDAP operation, and of building a connection. */
  ldapMs: number
}

export interface DomainFacts {
  /** SHA-256 of the domain's DNS name in lower case, first 8 bytes. */
  id: Buffer
  reachable: boolean
  /** As last read; zeros as long as the domain was never reached. */
  policy: PolicyFacts
}

export interface Domain {
  /** The account with this objectGUID, if it is there and fits the view: one read. */
  read(guid: Buffer, view: View): Promise<User | undefined>
  /** The accounts below `baseDn` that carry this anchor, by objectGUID. */
  search(baseDn: string, anchor: string, view: View): Promise<Buffer[]>
  /** Before the write: disabled, expired, smart card, minimum age. */
  eligibility(user: User): Promise<AgentOutcome | undefined>
  setPassword(user: User, password: Secret, extras: Extras, mayBegin: () => boolean): Promise<SetResult>
  /** With the old password as proof. */
  changePassword(user: User, passwords: { old: Secret; fresh: Secret }, extras: Extras, mayBegin: () => boolean): Promise<SetResult>
  /** Whether one more wrong attempt would bring the person within one of being locked out, however it ends. */
  nearLockOut(user: User): Promise<boolean>
  /** The extras alone. */
  finish(user: User, extras: Extras, mayBegin?: () => boolean): Promise<WriteResult>
  /** Never throws: an answered refusal stays an answer when the policy cannot be read any more. */
  diagnose(user: User, password: Secret, refusal: Refusal): Promise<AgentOutcome>
  passwordState(user: User): Promise<PasswordState>
  provePassword(user: User, password: Secret): Promise<Proof>
  /** The rules for this user; undefined if a fine-grained policy applies that cannot be read. */
  policy(user: User): Promise<Policy | undefined>
  /** For the heartbeat: asks the server, never throws. Finds the PDC emulator again where it has moved. */
  facts(): Promise<DomainFacts>
  close(): void
}

const noPolicy: PolicyFacts = {
  minLength: 0,
  historyLength: 0,
  complexity: false,
  minAgeMinutes: 0,
  lockoutThreshold: 0,
  lockoutMinutes: 0,
}

export function openDomain(settings: DomainSettings, { clock, log }: { clock: Clock; log: Log }): Domain {
  refuseDebugLog()
  for (const server of settings.servers) endpointOf(server, settings.addresses) // throws now, not at the first request
  const domain = settings.domain.toLowerCase()
  const id = domainIdOf(domain)
  const about = { domain: id.toString('base64url') }
  const options = { ...settings, clock, credentials: { dn: settings.bindDn, password: settings.bindPassword } }
  const open = async () => {
    const pdc = await openPdc(options)
    if (!pdc.isEmulator) log('otherController', { ...about, server: pdc.host })
    return pdc
  }
  const warm = keepWarm(open, reportTo(log, about), clock)
  const policies = keepPolicies(clock)
  let lastPolicy = noPolicy

  async function serverNow(pdc: Pdc): Promise<number> {
    const { serverMs, wallMs, monotonicMs } = pdc.time
    const [wall, monotonic] = [clock.now() - wallMs, clock.monotonic() - monotonicMs]
    // A clock that was set, or a machine that was suspended: what has passed here is not known, so it is asked.
    if (Math.abs(wall - monotonic) <= trustedMs) return serverMs + monotonic
    pdc.time = timeNow(await readServerNow(pdc.connection), clock)
    return pdc.time.serverMs
  }

  /** The role may have moved, or be back: then the next request finds it. */
  async function lookAround(pdc: Pdc): Promise<void> {
    pdc.time = timeNow(await readServerNow(pdc.connection), clock)
    if ((await currentPdcHost(pdc)) !== pdc.host) warm.drop(pdc)
  }

  return {
    async read(guid, view) {
      const pdc = await warm.get()
      const account = await readAccount(pdc.connection, guid, view)
      return account && { ...account, domain, serverNow: await serverNow(pdc) }
    },
    search: async (baseDn, anchor, view) => searchAccounts((await warm.get()).connection, baseDn, anchor, view),
    eligibility: async (user) => eligibility(user, await policies.of(await warm.get(), user)),
    setPassword: async (user, password, extras, mayBegin) => setPassword(await warm.get(), user, password, extras, mayBegin),
    changePassword: async (user, passwords, extras, mayBegin) => changePassword(await warm.get(), user, passwords, extras, mayBegin),
    nearLockOut: async (user) => nearLockOut(user, await policies.of(await warm.get(), user)),
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
        await lookAround(pdc)
        lastPolicy = await policies.ofDomain(pdc)
        return { id, reachable: true, policy: lastPolicy }
      } catch {
        return { id, reachable: false, policy: lastPolicy }
      }
    },
    close: () => warm.close(),
  }
}

/** Between two readings of the server's clock; both clocks here tick at nearly the same rate. */
const trustedMs = 500

const reportTo = (log: Log, about: { domain: string }) => (error: unknown) =>
  log(isFault(error, 'DIRECTORY_CONFIGURATION') ? 'directoryConfiguration' : 'directoryError', { ...about, fault: faultWord(error) })

/** NODE_DEBUG=ldapts prints requests, and with them names and attribute values. */
function refuseDebugLog(): void {
  if (debuglog('ldapts').enabled) throw new Fault('SETTINGS_INVALID', 'NODE_DEBUG must not include ldapts', { permanent: true })
}
