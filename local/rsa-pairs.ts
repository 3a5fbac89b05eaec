/**
 * RSA pairs of 2048 bits for stand-ins. Each owner gets one after the other, never the same twice; the next owner in this process
 * gets the same ones again: a pair takes 60 ms of a processor, tests start hundreds of tenants and vaults, and nothing real is
 * behind them.
 */
import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

export interface RsaPair {
  publicKey: KeyObject
  privateKey: KeyObject
}

export const rsaBits = 2048
const generate = promisify(generateKeyPair)

/** For one kind of owner: `const owner = rsaPairs()`, then `const next = owner()` for each of them. */
export function rsaPairs(): () => () => Promise<RsaPair> {
  const made: Promise<RsaPair>[] = []
  return () => {
    let taken = 0
    return () => {
      const at = taken++
      made[at] ??= generate('rsa', { modulusLength: rsaBits })
      return made[at]
    }
  }
}
