/** Whatever stands in the table: a row as we wrote it, or ROW_REJECTED; whatever is asked for: a key of ours, or INPUT_REFUSED. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isFault } from '../../shared/fault.ts'
import { keyOf } from '../../shared/secret.ts'
import { anyBytes, bent, hostileText } from '../../test/hostile.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { openMacs } from '../keys/mac.ts'
import { openStateKeys } from '../keys/state-keys.ts'
import { openRows } from './rows.ts'
import type { FoundRow, StoredRow, TableAccess } from './tables.ts'

/** One table of one row, that anybody may edit. */
let stored: FoundRow | undefined
const keep = async (_: unknown, row: StoredRow) => {
  stored = { ...row, etag: 'e' }
  return 'e'
}
const tables: TableAccess = {
  get: async () => stored,
  list: async () => (stored ? [stored] : []),
  page: async () => (stored ? [stored] : []),
  async *under() {
    if (stored) yield [stored]
  },
  async *older() {
    if (stored) yield [stored]
  },
  insert: keep,
  replace: keep,
  upsert: keep,
  remove: async () => {
    stored = undefined
  },
}
const version = '0'.repeat(32)
const secret = keyOf(Buffer.alloc(32, 1))
const stateKeys = openStateKeys({
  vault: { secret: async (_, asked) => (asked === version ? secret : undefined) },
  clock: virtualClock(),
  current: async () => version,
})
const rows = openRows({ tables, keys: stateKeys, log: () => {} })
const codeOf = (error: unknown) => (isFault(error) ? error.code : String(error))

const text = fc.oneof(
  hostileText(200),
  fc.json(),
  anyBytes(64).map((bytes) => bytes.toString('base64url')),
)
const changed = (original: string) =>
  fc.oneof(
    text,
    bent(Buffer.from(original)).map((bytes) => bytes.toString('utf8')),
  )

test('a row of any columns is what we wrote, or is rejected', async () => {
  await rows.put('flows', 'a', 'b', { state: 'verified', triesLeft: 5 })
  const good = stored
  if (good === undefined) throw new Error('nothing was stored')
  const columns = ['v', 'd', 'w', 'm', 'partitionKey', 'rowKey'] as const
  const edit = fc.constantFrom(...columns).chain((name) => changed(good[name]).map((put) => ({ [name]: put })))
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
      stored = Object.assign({ ...good }, ...edits)
      const value = await rows.read('flows', 'a', 'b').catch(codeOf)
      const listed = await rows.list('flows', 'a')
      if (value === 'ROW_REJECTED') {
        expect(listed).toEqual([])
        return
      }
      // Base64url has more than one spelling of the same MAC; everything it covers must be as it was.
      expect({ ...stored, m: '' }).toEqual({ ...good, m: '' })
      expect(Buffer.from(stored?.m ?? '', 'base64url')).toEqual(Buffer.from(good.m, 'base64url'))
    }),
    { numRuns: 500 },
  )
})

test('any keys are ours, or refused before the table is asked', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(hostileText(200), fc.stringMatching(/^[A-Za-z0-9_-]{1,130}$/)), async (key) => {
      stored = undefined
      const answer = await rows.read('flows', key, 'b').catch(codeOf)
      expect(answer).toBe(/^[A-Za-z0-9_-]{1,128}$/.test(key) ? undefined : 'INPUT_REFUSED')
    }),
  )
})

test('a stored MAC of any form fits what it was made of, or does not', async () => {
  const macs = openMacs(stateKeys)
  const good = await macs.make('code', ['flow', 'nonce', '12345678'])
  await fc.assert(
    fc.asyncProperty(changed(good), fc.array(hostileText(20), { maxLength: 3 }), async (given, parts) => {
      expect(await macs.fits(given, 'code', parts)).toBe(false)
      const same = Buffer.from(given.split('.')[1] ?? '', 'base64url').equals(Buffer.from(good.split('.')[1] ?? '', 'base64url'))
      const itsVersion = given.split('.')[0] === version
      expect(await macs.fits(given, 'code', ['flow', 'nonce', '12345678'])).toBe(same && itsVersion)
    }),
    { numRuns: 300 },
  )
})
