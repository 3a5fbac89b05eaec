/**
 * A password in memory that cannot be printed.
 *
 * The value lies in a private field; string conversion, JSON and `util.inspect` all say `[secret]`. The only way in is
 * `use`, and `wipe` zeroes the bytes when the one thing the password was needed for is done. Strings that JavaScript
 * made on the way in (the parsed request body) cannot be zeroed: SECURITY.md says so.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { inspect } from 'node:util'
import { Fault } from './fault.ts'

const shown = '[secret]'

export class Secret {
  readonly #value: Buffer
  #wiped = false

  /** Takes ownership of `value`: the caller must not keep or change it. */
  constructor(value: Buffer) {
    this.#value = value
  }

  /** UTF-8, exactly as typed: no normalisation. */
  static fromText(text: string): Secret {
    return new Secret(Buffer.from(text, 'utf8'))
  }

  /** Lends the bytes to `work`. Do not keep them: they are zeroed by `wipe`. Throws after `wipe`. */
  use<T>(work: (value: Buffer) => T): T {
    if (this.#wiped) throw new Fault('SECRET_WIPED', 'a secret was used after it was wiped', { permanent: true })
    return work(this.#value)
  }

  wipe(): void {
    this.#value.fill(0)
    this.#wiped = true
  }

  /** `using password = …` wipes at the end of the block, however it is left. */
  [Symbol.dispose](): void {
    this.wipe()
  }

  toString(): string {
    return shown
  }

  toJSON(): string {
    return shown
  }

  [inspect.custom](): string {
    return shown
  }
}

/** Bytes where somebody else keeps them, as a test does; everything that is kept is a KeyObject. */
export type SecretKey = KeyObject | Uint8Array

/**
 * A key out of bytes, which are zeroed. A KeyObject cannot be printed, and its memory, outside JavaScript's, is zeroed when
 * nobody holds it any more: so a cache may drop a key that is still in use (test/zeroed.test.ts).
 */
export function keyOf(bytes: Buffer): KeyObject {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}
