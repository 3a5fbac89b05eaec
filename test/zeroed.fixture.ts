/**
 * A process that holds keys as the product does, for zeroed.test.ts to look into: it reads one from a vault through the agent's
 * cache, uses it, derives from it, and lets the cache drop it. It is told each step, and never says the key.
 */
import { createHmac } from 'node:crypto'
import { openPackageKeys } from '../agent/package-keys.ts'
import { openStateKeys } from '../functions/keys/state-keys.ts'
import { sealEnvelope } from '../shared/envelope.ts'
import { keyOf } from '../shared/secret.ts'
import { collectGarbage } from './garbage.ts'
import { virtualClock } from './virtual-clock.ts'

const [, , turned = ''] = process.argv
/** The key is given with every bit turned, so that the command line does not hold it. */
const fresh = () => keyOf(turnedBack(Buffer.from(turned, 'hex')))
function turnedBack(bytes: Buffer): Buffer {
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (bytes[at] ?? 0) ^ 0xff
  return bytes
}
const version = Buffer.alloc(16, 1)
const exchange = { direction: 'request', tenantId: Buffer.alloc(16), id: Buffer.alloc(16) } as const

const clock = virtualClock()
const packageKeys = openPackageKeys({ read: async () => fresh(), enabled: async () => [], clock })
const stateKeys = openStateKeys({ vault: { secret: async () => fresh() }, clock, current: async () => version.toString('hex') })

const steps: Record<string, () => Promise<void>> = {
  async use() {
    const key = await packageKeys.get(version)
    if (!key) throw new Error('no key')
    sealEnvelope(Buffer.from('words'), key, exchange, Buffer.alloc(12))
    const { key: subkey } = await stateKeys.subkey('rows')
    createHmac('sha256', subkey).update('row').digest()
    collectGarbage()
  },
  async drop() {
    await clock.advance(300_000)
    collectGarbage()
    await clock.turn()
    collectGarbage()
  },
}

if (process.send) {
  process.on('message', async (step: string) => {
    await steps[step]?.()
    process.send?.('done')
  })
} else throw new Error('only as a child')
