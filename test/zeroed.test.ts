/**
 * Keys that a cache has dropped are gone from the memory of the process, and so is what was derived from them: a child holds
 * them, and this test looks through all of the memory that the child can write to (Linux: /proc/<pid>/mem).
 */
import { type ChildProcess, fork } from 'node:child_process'
import { hkdfSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { exchangeKey, withExchangeKey } from '../shared/envelope.ts'
import { keyOf } from '../shared/secret.ts'

const key = randomBytes(32)
const exchange = { direction: 'request', tenantId: Buffer.alloc(16), id: Buffer.alloc(16) } as const
/** The second half of each: the beginning of what was freed is written over by the allocator, zeroed or not. */
const half = (secret: Buffer) => Buffer.from(secret.subarray(16))
const needles = {
  key: half(key),
  'key of an exchange': half(exchangeKey(key, exchange)),
  'subkey of rows': half(Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), 'password-writeback/state/rows', 32))),
}

/** How often each is there. */
function countIn(pid: number): Record<keyof typeof needles, number> {
  const counts = { key: 0, 'key of an exchange': 0, 'subkey of rows': 0 }
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const chunk = Buffer.alloc(4 << 20)
  for (const [, start = '', end = ''] of readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)) {
    const last = Number.parseInt(end, 16)
    for (let at = Number.parseInt(start, 16); at < last; at += chunk.length - 32) {
      const read = readOrNone(memory, chunk.subarray(0, Math.min(chunk.length, last - at)), at)
      for (const [name, needle] of Object.entries(needles) as [keyof typeof needles, Buffer][])
        for (let found = read.indexOf(needle); found >= 0; found = read.indexOf(needle, found + 1)) counts[name] += 1
    }
  }
  closeSync(memory)
  return counts
}

/** Some mappings cannot be read. */
function readOrNone(file: number, into: Buffer, at: number): Buffer {
  try {
    return into.subarray(0, readSync(file, into, 0, into.length, at))
  } catch {
    return into.subarray(0, 0)
  }
}

async function step(child: ChildProcess, name: string): Promise<void> {
  child.send(name)
  await once(child, 'message')
}

test('the key of an exchange is zeroed when it was used, also where it did not open', () => {
  const lent: Buffer[] = []
  const keep = (own: Buffer) => {
    expect(own).toEqual(exchangeKey(key, exchange))
    lent.push(own)
  }
  const packageKey = { version: Buffer.alloc(16), bytes: key }
  withExchangeKey(packageKey, exchange, keep)
  const failing = () =>
    withExchangeKey(packageKey, exchange, (own) => {
      keep(own)
      throw new Error('does not open')
    })
  expect(failing).toThrow('does not open')
  expect(lent).toEqual([Buffer.alloc(32), Buffer.alloc(32)])
})

test('bytes that became a key are zeroed, and the key is the same', () => {
  const bytes = Buffer.from(key)
  const made = keyOf(bytes)
  expect([bytes, made.export()]).toEqual([Buffer.alloc(32), key])
})

// Elsewhere nobody can look (missing-parts.ts says so): there it is the work of the same Node and OpenSSL.
if (existsSync('/proc/self/mem'))
  test('a key is in memory while the cache holds it, and nowhere once it has dropped it', async () => {
    const fixture = fileURLToPath(new URL('zeroed.fixture.ts', import.meta.url))
    const child = fork(fixture, [Buffer.from(key.map((byte) => byte ^ 0xff)).toString('hex')], { execArgv: [] })
    try {
      await step(child, 'use')
      const held = countIn(child.pid ?? 0)
      expect(held.key).toBeGreaterThan(0)
      expect(held['subkey of rows']).toBeGreaterThan(0)
      await step(child, 'drop')
      expect(countIn(child.pid ?? 0)).toEqual({ key: 0, 'key of an exchange': 0, 'subkey of rows': 0 })
    } finally {
      child.kill()
    }
  })
