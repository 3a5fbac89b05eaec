/**
 * What is kept of passwords: salted scrypt digests, the newest first; never a password.
 *
 * One salt per account, as its digests are only compared with one another; Active Directory has none at all. The cost is
 * low on purpose: a stand-in is asked for thousands of binds by tests. The first digest is the password in force.
 */
import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'

export interface Credential {
  readonly salt: Buffer
  digests: readonly Buffer[]
}

/** More than a policy may ask for (pwdHistoryLength is at most 24 in the policy editor). */
const keptDigests = 25

export const newCredential = (): Credential => ({ salt: randomBytes(16), digests: [] })

const digest = ({ salt }: Credential, password: string): Buffer =>
  scryptSync(Buffer.from(password, 'utf16le'), salt, 32, { cost: 256, blockSize: 8, parallelization: 1 })

export function setPassword(credential: Credential, password: string): void {
  credential.digests = [digest(credential, password), ...credential.digests].slice(0, keptDigests)
}

/** A password that nobody knows, as Samba and Windows give to who must use a smart card from now on. */
export function forgetPassword({ credential }: { credential: Credential | undefined }): void {
  if (credential !== undefined) setPassword(credential, randomBytes(32).toString('base64'))
}

/** How long ago the password was in force: 0 is now, 1 the one before; undefined when it is none of the kept ones. */
export function passwordAge(credential: Credential, password: string): number | undefined {
  const wanted = digest(credential, password)
  const index = credential.digests.findIndex((held) => timingSafeEqual(held, wanted))
  return index < 0 ? undefined : index
}

/** In hex: to find out which of many passwords a digest is of. */
export const digestOf = (credential: Credential, password: string): string => digest(credential, password).toString('hex')

export const isPassword = (credential: Credential, password: string): boolean => passwordAge(credential, password) === 0
