import { expect, it } from 'vitest'
import { virtualClock } from '../../test/virtual-clock.ts'
import { openRows } from '../store/rows.ts'
import { memoryTables } from '../store/test-tables.ts'
import { actsPerHour, mayAct } from './ceiling.ts'

it('so many an hour, also where many calls come at once; then an hour later again', async () => {
  const key = { version: '0'.repeat(32), key: Buffer.alloc(32, 1) }
  const clock = virtualClock()
  const rows = openRows({ tables: memoryTables(), keys: { subkey: async () => key }, log: () => {} })
  const allowed = async () => (await Promise.all(Array.from({ length: actsPerHour + 5 }, () => mayAct('eva', { rows, clock })))).toSorted()
  const hour = [...Array(4).fill('no'), 'noMore', ...Array(actsPerHour).fill('yes')]
  expect(await allowed()).toEqual(hour)
  await clock.advance(3_599_999)
  expect(new Set(await allowed())).toEqual(new Set(['no']))
  await clock.advance(1)
  expect(await allowed()).toEqual(hour)
})
