/**
 * The agent's own certificate: how long it is good, and whether the agent will be able to renew it by itself. What does not work
 * yet is a warning as long as there is time: a reset does not need Graph.
 */
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../../../shared/clock.ts'
import { faultWord, isFault } from '../../../shared/fault.ts'
import { type Certificate, isExpired, readPrivate, renewalDueAt } from '../../credential/certificate.ts'
import { certificateFiles } from '../../credential/files.ts'
import { keyOf, openApplication } from '../../credential/graph.ts'
import type { Passphrase, TokenCredential } from '../../credential/sign-in.ts'
import type { AgentSettings } from '../../settings.ts'
import { type Finding, failed, passed, skipped, warned } from './checks.ts'

export interface CertificateDeps {
  settings: Pick<AgentSettings, 'identity'>
  credential: TokenCredential
  passphrase: Passphrase
  ca: string | undefined
  clock: Clock
}

const dayMs = 86_400_000
const warnBeforeMs = 30 * dayMs
/** Renewal is tried every hour: after so long something keeps it from succeeding. */
const overdueAfterMs = 7 * dayMs

const day = (ms: number) => new Date(ms).toISOString().slice(0, 10)

export async function checkCertificate(deps: CertificateDeps): Promise<Finding[]> {
  const { certificateFile } = deps.settings.identity
  if (certificateFile === undefined) return [passed('certificate', '', 'none: by client secret, which the agent cannot renew')]
  const certificate = await readOwn(certificateFile, deps)
  if ('check' in certificate) return [certificate, skipped('renewal', '', 'certificate failed')]
  const now = deps.clock.now()
  if (isExpired(certificate, now)) {
    const expired = failed('certificate', '', `it expired on ${day(certificate.notAfter)}, and cannot renew itself any more`)
    return [expired, skipped('renewal', '', 'certificate failed')]
  }
  return [age(certificate, now), await renewal(certificate, certificateFile, deps)]
}

async function readOwn(file: string, { passphrase }: CertificateDeps): Promise<Certificate | Finding> {
  try {
    const { current } = await certificateFiles(file).read()
    return readPrivate(current ?? '', await passphrase())
  } catch (error) {
    const why = isFault(error) ? error.message.replace(`${error.code}: `, '') : faultWord(error)
    return failed('certificate', '', why, '"certificateFile" and "passphraseFile" in "identity"; agentctl enrol makes them')
  }
}

function age(certificate: Certificate, now: number): Finding {
  const { notAfter, selfSigned } = certificate
  const until = `good until ${day(notAfter)}`
  const due = renewalDueAt(certificate)
  if (!selfSigned && notAfter - now < warnBeforeMs)
    return warned('certificate', '', until, 'an authority issued it: have that issue another, and register it')
  if (!selfSigned) return passed('certificate', '', `${until}; an authority issued it, the agent does not renew it`)
  if (notAfter - now < warnBeforeMs) return warned('certificate', '', until)
  if (now - due > overdueAfterMs)
    return warned('certificate', '', `${until}, and due for renewal since ${day(due)}`, 'look at "renewal", below')
  return passed('certificate', '', `${until}; the agent renews it ${now < due ? `from ${day(due)} on` : 'within the hour'}`)
}

async function renewal(certificate: Certificate, file: string, { settings, credential, ca, clock }: CertificateDeps): Promise<Finding> {
  if (!certificate.selfSigned) return passed('renewal', '', 'not by the agent')
  const isWritable = await access(dirname(file), constants.W_OK).then(
    () => true,
    () => false,
  )
  if (!isWritable)
    return warned(
      'renewal',
      '',
      'this account cannot write the folder of "certificateFile"',
      'let the agent have a folder of its own for it',
    )
  try {
    const answer = await openApplication({ ...settings.identity, credential, clock, localCa: ca }).read()
    if (answer.kind === 'refused') return answer.aadsts === undefined ? graphRefused(answer.status) : skipped('renewal', '', 'token failed')
    if (keyOf(answer.value, certificate)) return passed('renewal', '', 'Graph shows the application with this certificate')
    return warned('renewal', '', 'Graph shows the application without this certificate', 'register it there')
  } catch (error) {
    return warned('renewal', '', `no usable answer of Graph (${faultWord(error)})`, 'is "identity.graphUrl" reached on 443?')
  }
}

const graphRefused = (status: number): Finding => warned('renewal', '', `Graph refused (HTTP ${status})`)
