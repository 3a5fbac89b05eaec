/**
 * Makes what an agent proves itself with: private key and certificate in one file, the public part in another, and where it is
 * wished (on Windows always) a passphrase that only this machine can read.
 *
 * Nothing is ever written over: where there is a certificate, its successor is made beside it, and the running agent takes
 * it over once Entra ID knows it (agent/credential/renewal.ts).
 */
import { existsSync } from 'node:fs'
import { chmod, readFile } from 'node:fs/promises'
import type { Secret } from '../../../shared/secret.ts'
import { type Certificate, makeCertificate, ownName, privatePem, publicPem, readPublic } from '../../credential/certificate.ts'
import { certificateFiles, nextOf, replace, writeNew } from '../../credential/files.ts'
import { newPassphrase, protectByDpapi, protectBySystemd, readPassphrase } from '../../credential/passphrase.ts'
import { UsageError } from '../program.ts'

export interface Making {
  certificateFile: string
  /** As it stands in the settings, if there is one already. */
  passphraseFile: string | undefined
  renew: boolean
  /** Replace a successor that was made and not taken over. */
  force: boolean
  /** Encrypt the key with a passphrase that becomes a systemd credential. */
  systemd: boolean
  platform: NodeJS.Platform
  now: number
}

export interface Made {
  certificate: Certificate
  certificateFile: string
  /** Where the private key is: the file asked for, or its successor's. */
  privateFile: string
  publicFile: string
  /** For the settings. */
  passphraseFile: string | undefined
  /** Line for the unit, where a systemd credential was made. */
  unitLine: string | undefined
}

export const systemdName = 'certificate-passphrase'
const sealedOf = (certificateFile: string) => `${certificateFile}.cred`
const protectedOf = (certificateFile: string) => `${certificateFile}.passphrase`
const publicFileOf = (certificateFile: string) => `${certificateFile.replace(/\.(pem|crt)$/, '')}.cer`

/** @throws UsageError before anything is written. */
export function checkMaking({ certificateFile, renew, force, systemd, platform, passphraseFile }: Making): void {
  const exists = existsSync(certificateFile)
  if (exists && !renew)
    throw new UsageError(`${certificateFile} is there already, and is left as it is: --renew makes its successor beside it`)
  if (!exists && renew) throw new UsageError(`there is nothing to renew: ${certificateFile} is not there`)
  if (existsSync(nextOf(certificateFile)) && !force)
    throw new UsageError(`a successor was made before (${nextOf(certificateFile)}): have it registered, or replace it with --force`)
  if (systemd && platform !== 'linux') throw new UsageError('--systemd is for Linux')
  if (systemd && passphraseFile !== undefined) throw new UsageError('--systemd: there is a passphrase already (identity.passphraseFile)')
}

/** One that was made before, as `make` would have told of it: its successor first, for that is the one to be registered. */
export async function found({ certificateFile, passphraseFile: known }: Making): Promise<Made> {
  const next = nextOf(certificateFile)
  const privateFile = existsSync(next) ? next : certificateFile
  const certificate = readPublic(await readFile(privateFile, 'utf8'))
  const passphraseFile = known ?? madeBefore(certificateFile)
  return { certificate, certificateFile, privateFile, publicFile: publicFileOf(certificateFile), passphraseFile, unitLine: undefined }
}

/** Of a run that did not come as far as the settings. */
function madeBefore(certificateFile: string): string | undefined {
  if (existsSync(protectedOf(certificateFile))) return protectedOf(certificateFile)
  return existsSync(sealedOf(certificateFile)) ? systemdName : undefined
}

export async function make(making: Making): Promise<Made> {
  checkMaking(making)
  const { certificateFile, renew, force, now } = making
  const { passphrase, passphraseFile, unitLine } = await passphraseFor(making)
  const own = await makeCertificate(ownName(), now)
  const pem = privatePem(own, passphrase)
  const files = certificateFiles(certificateFile)
  if (force) await files.dropNext()
  if (renew) await files.addNext(pem)
  else await writeNew(certificateFile, pem)
  const publicFile = publicFileOf(certificateFile)
  await replace(publicFile, publicPem(own))
  await chmod(publicFile, 0o644)
  const { privateKey: _, ...certificate } = own
  const privateFile = renew ? nextOf(certificateFile) : certificateFile
  return { certificate, certificateFile, privateFile, publicFile, passphraseFile, unitLine }
}

type Locked = Pick<Made, 'passphraseFile' | 'unitLine'> & { passphrase: Secret | undefined }

async function passphraseFor({ certificateFile, passphraseFile, systemd, platform }: Making): Promise<Locked> {
  const unitLine = undefined
  if (passphraseFile !== undefined) return { passphrase: await readPassphrase(passphraseFile), passphraseFile, unitLine }
  if (systemd) {
    const passphrase = newPassphrase()
    const sealed = sealedOf(certificateFile)
    await protectBySystemd(passphrase, systemdName, sealed)
    return { passphrase, passphraseFile: systemdName, unitLine: `LoadCredentialEncrypted=${systemdName}:${sealed}` }
  }
  if (platform !== 'win32') return { passphrase: undefined, passphraseFile, unitLine }
  const file = protectedOf(certificateFile)
  // There already where an earlier run got no further.
  if (!existsSync(file)) await writeNew(file, await protectByDpapi(newPassphrase()))
  return { passphrase: await readPassphrase(file), passphraseFile: file, unitLine }
}
