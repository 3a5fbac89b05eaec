/**
 * What a key does: RSA encryption and decryption with the paddings Key Vault offers (RFC 8017 §7).
 *
 * A ciphertext that does not open is a 400 without a cause, so that the vault is no padding oracle.
 */
import { constants, type KeyObject, privateDecrypt, publicEncrypt } from 'node:crypto'
import * as z from 'zod'
import { type Call, done, parseBody, type Result } from './call.ts'
import { badParameter, notPermitted, type Refusal } from './refusals.ts'

export const keyOperations = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'] as const
export type KeyOperation = (typeof keyOperations)[number]
export type CipherOperation = 'encrypt' | 'decrypt' | 'wrapKey' | 'unwrapKey'

const paddings = {
  'RSA-OAEP-256': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
  'RSA-OAEP': { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
  RSA1_5: { padding: constants.RSA_PKCS1_PADDING },
} as const

const parameters = z.object({
  alg: z.enum(['RSA-OAEP-256', 'RSA-OAEP', 'RSA1_5']),
  value: z.string().regex(/^[\w-]+$/),
})

function compute(operation: CipherOperation, publicKey: KeyObject, privateKey: KeyObject, alg: keyof typeof paddings, value: Buffer) {
  const padding = paddings[alg]
  return operation === 'encrypt' || operation === 'wrapKey'
    ? publicEncrypt({ key: publicKey, ...padding }, value)
    : privateDecrypt({ key: privateKey, ...padding }, value)
}

export interface KeyMaterial {
  publicKey: KeyObject
  privateKey: KeyObject
  operations: readonly KeyOperation[]
}

/** Answers encrypt, decrypt, wrapkey and unwrapkey; `kid` names the version that was used. */
export function useKey(call: Call, operation: CipherOperation, kid: string, key: KeyMaterial): Result | Refusal {
  if (!key.operations.includes(operation)) return notPermitted(operation)
  const parsed = parseBody(call, parameters)
  if (parsed.kind === 'refused') return parsed
  const { alg, value } = parsed.value
  try {
    const result = compute(operation, key.publicKey, key.privateKey, alg, Buffer.from(value, 'base64url'))
    return done({ kid, value: result.toString('base64url') })
  } catch {
    return badParameter('The parameter is incorrect.')
  }
}
