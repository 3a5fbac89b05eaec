/**
 * Codes of authenticator apps (RFC 6238): what every app understands, SHA-1, six digits, thirty seconds. The only file that knows
 * `otplib`.
 *
 * A code is good for its own step and the one before and after it, for clocks differ. Whoever takes one keeps its step, and
 * neither it nor an earlier one is taken again (RFC 6238 §5.2). Compared in constant time, all steps alike.
 */
import { randomBytes } from 'node:crypto'
import { generateURI, ScureBase32Plugin, verifySync } from 'otplib'

const stepS = 30
/** As long as the hash (RFC 4226 §4, R6: 160 bits recommended). */
const secretBytes = 20

export const newTotpSecret = (): Buffer => randomBytes(secretBytes)

const base32 = new ScureBase32Plugin()
/** As a person types it who cannot show the picture to the app. */
export const typedSecret = (secret: Uint8Array): string => base32.encode(secret, { padding: false })

/** What a page shows as a picture (the Key Uri Format that apps scan). */
export const totpUri = (secret: Uint8Array, issuer: string, label: string): string =>
  generateURI({ issuer, label, secret: typedSecret(secret) })

/** The step the code belongs to; undefined: it is wrong, or of the last step taken or before. */
export function totpStep(secret: Uint8Array, code: string, nowMs: number, lastStep: number): number | undefined {
  const epoch = Math.floor(nowMs / 1000)
  const latest = Math.floor(epoch / stepS) + 1
  if (!/^\d{6}$/.test(code) || lastStep >= latest) return undefined
  const verdict = verifySync({ secret, token: code, epoch, epochTolerance: stepS, afterTimeStep: lastStep })
  return verdict.valid && 'timeStep' in verdict ? verdict.timeStep : undefined
}
