/** What an authenticator app shows: RFC 4226 §5.3 and RFC 6238 §4, written down again so that tests do not ask what they test. */
import { createHmac } from 'node:crypto'

export const codeOfStep = (secret: Uint8Array, step: number): string => {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', secret).update(counter).digest()
  const offset = (mac.at(-1) ?? 0) & 0xf
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1e6).padStart(6, '0')
}
export const codeAt = (secret: Uint8Array, ms: number): string => codeOfStep(secret, Math.floor(ms / 30_000))
