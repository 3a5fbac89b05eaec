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
import { exchangeKey } from '../shared/envelope.ts'

const key = randomBytes(32)
const exchange = { direction: 'request', tenantId: Buffer.alloc(16), id: Buffer.alloc(16) } as const
const needles = {
  key,
  'key of an exchange': exchangeKey(key, exchange),
  'subkey of rows': Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), 'password-writeback/state/rows', 32)),
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

// Elsewhere nobody can look: what holds on Linux is the work of Node and OpenSSL, which are the same there.
test.runIf(existsSync('/proc/self/mem'))('a key is there while the cache holds it, and nowhere once it has dropped it', async () => {
  const fixture = fileURLToPath(new URL('zeroed.fixture.ts', import.meta.url))
  const child = fork(fixture, [Buffer.from(key.map((byte) => byte ^ 0xff)).toString('hex')], { execArgv: ['--import', 'tsx'] })
  try {
    await step(child, 'use')
    const held = countIn(child.pid ?? 0)
    expect(held.key).toBeGreaterThan(0)
    expect(held['subkey of rows']).toBeGreaterThan(0)
    expect(held['key of an exchange']).toBe(0)
    await step(child, 'drop')
    expect(countIn(child.pid ?? 0)).toEqual({ key: 0, 'key of an exchange': 0, 'subkey of rows': 0 })
  } finally {
    child.kill()
  }
})
