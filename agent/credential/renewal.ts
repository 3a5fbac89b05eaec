/**
 * The agent renews its own certificate: at half its life a new pair is made, registered, proven and taken into use; the old one is
 * removed after that.
 *
 *      in use: C          made: C N            registered: C N          proven: N signs in       looked at again: C signs in
 *   ─────────────────▶ certificate.pem.next ──▶ addKey, proven by C ──▶ N becomes C, C becomes O ──▶ removeKey(O), proven by C
 *
 * A look does what can be done now; what could not is done at the next one, an hour later. Nothing is remembered but what
 * lies on the disk and in Entra ID, so a crash anywhere is a look that ended early: files.ts shows the states. At every instant a
 * certificate is on the disk that is registered and was seen to sign in. O goes at the look after the one that proved N: Entra ID does
 * not know a new certificate everywhere at once, and until then sign-in.ts falls back on O.
 *
 * A successor that somebody else made and registered (agentctl enrol --renew) is taken over in the same way, even when C has
 * expired meanwhile. A certificate of an authority is left to whoever had it issued.
 */
import { type Clock, inTime } from '../../shared/clock.ts'
import { faultWord } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import { type Certificate, isExpired, type OwnCertificate, privatePem, readPrivate, readPublic, renewalDueAt } from './certificate.ts'
import type { CertificateFiles } from './files.ts'
import { type ApplicationInGraph, keyOf, type Refused } from './graph.ts'
import { proofOfPossession } from './proof.ts'
import { type Passphrase, refusalCode } from './sign-in.ts'

export interface RenewalDeps {
  files: CertificateFiles
  passphrase: Passphrase
  /** A new one, with a key of its own. */
  make(): Promise<OwnCertificate>
  /** The application as this certificate sees it. */
  application(own: OwnCertificate): ApplicationInGraph
  /** Signs in anew; rejects as the SDK does. */
  proveSignIn(own: OwnCertificate): Promise<void>
  clock: Clock
  log: Log
}

type Operation = 'read' | 'make' | 'add' | 'use' | 'remove'

const lookEveryMs = 3_600_000
/** Until Entra ID knows a certificate that was just registered. */
const useAgainMs = 60_000
const usesAtOnce = 5
/** One sign-in with its retries: the SDK sets no limit of its own, and a look that hangs would be the last one. */
const signInMs = 60_000
const warnBeforeMs = 30 * 86_400_000

export async function keepCertificate(deps: RenewalDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await look(deps, signal)
    await deps.clock.sleep(lookEveryMs, { signal, unref: true }).catch(() => {})
  }
}

/** One look. What goes wrong is an event; it never throws. */
export async function look(deps: RenewalDeps, signal?: AbortSignal): Promise<void> {
  let operation: Operation = 'read'
  const at = (next: Operation) => {
    operation = next
  }
  try {
    await renew(deps, at, signal)
  } catch (error) {
    deps.log('certificateNotRenewed', {
      operation,
      fault: wordOf(error),
      ...(error instanceof GraphRefused && { status: error.refused.status }),
    })
  }
}

async function renew(deps: RenewalDeps, at: (operation: Operation) => void, signal: AbortSignal | undefined): Promise<void> {
  const { files, clock, log } = deps
  const { current: pem, next, old } = await files.read()
  const passphrase = await deps.passphrase()
  const current = readPrivate(pem ?? '', passphrase)
  warnOfEnd(current, deps)
  if (old !== undefined && old !== pem) {
    at('remove')
    const works = await isUsed(current, 1, deps, signal)
    if (works) return removeOld(current, readPublic(old), deps)
    if (next === undefined) throw new NotKnown()
  }
  if (next === undefined) {
    if (old === pem) await files.dropOld() // kept, and then nothing was there to take its place
    if (!current.selfSigned || clock.now() < renewalDueAt(current) || isExpired(current, clock.now())) return
    at('make')
    await files.addNext(privatePem(await deps.make(), passphrase))
    return renew(deps, at, signal)
  }
  const successor = readPrivate(next, passphrase)
  if (isExpired(successor, clock.now())) {
    await files.dropNext()
    return renew(deps, at, signal)
  }
  at('add')
  const adding = await add(successor, current, deps).catch((error: unknown) => ({ error }))
  at('use')
  if (!(await isUsed(successor, adding === undefined ? usesAtOnce : 1, deps, signal))) {
    if (adding === undefined) throw new NotKnown()
    at('add')
    throw adding.error
  }
  await files.promote()
  log('certificateRenewed', { certificate: successor.thumbprint })
}

/** By the one in use, if it can; one that has expired cannot, and then somebody has to have done it. */
async function add(successor: OwnCertificate, current: OwnCertificate, { application, clock }: RenewalDeps): Promise<void> {
  if (isExpired(current, clock.now())) throw new Expired()
  const graph = application(current)
  const registration = done(await graph.read())
  if (keyOf(registration, successor)) return
  done(await graph.addKey(successor, await proofOfPossession(current, registration.objectId, clock.now())))
}

async function isUsed(successor: OwnCertificate, tries: number, { proveSignIn, clock }: RenewalDeps, signal: AbortSignal | undefined) {
  for (let left = tries; left > 0; left--) {
    try {
      await inTime(proveSignIn(successor), clock, signInMs)
      return true
    } catch (error) {
      if (refusalCode(error) === undefined) throw error
    }
    if (left > 1) await clock.sleep(useAgainMs, { signal, unref: true })
  }
  return false
}

async function removeOld(current: OwnCertificate, old: Certificate, { files, application, clock, log }: RenewalDeps): Promise<void> {
  const graph = application(current)
  const registration = done(await graph.read())
  const key = keyOf(registration, old)
  if (key) done(await graph.removeKey(key.keyId, await proofOfPossession(current, registration.objectId, clock.now())))
  await files.dropOld()
  log('certificateRemoved', { certificate: old.thumbprint })
}

function warnOfEnd(current: Certificate, { clock, log }: RenewalDeps): void {
  const now = clock.now()
  const certificate = current.thumbprint
  if (isExpired(current, now)) log('certificateExpired', { certificate })
  else if (current.notAfter - now < warnBeforeMs)
    log('certificateExpiring', { certificate, count: Math.ceil((current.notAfter - now) / 86_400_000) })
}

class GraphRefused extends Error {
  override readonly name = 'GraphRefused'
  readonly refused: Refused
  constructor(refused: Refused) {
    super('Graph refused')
    this.refused = refused
  }
}
class Expired extends Error {
  override readonly name = 'CertificateExpired'
}
/** Registered, and the sign-in does not know it yet. */
class NotKnown extends Error {
  override readonly name = 'NotKnownYet'
}

function done<T>(answer: { kind: 'done'; value: T } | Refused): T {
  if (answer.kind === 'done') return answer.value
  throw new GraphRefused(answer)
}

function wordOf(error: unknown): string {
  const code = error instanceof GraphRefused ? error.refused.aadsts : refusalCode(error)
  return code === undefined ? faultWord(error) : `AADSTS${code}`
}
