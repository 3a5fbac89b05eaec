import { expect, test } from 'vitest'
import { allOrNone } from './all-or-none.ts'

test('all, in their order', async () => {
  expect(await allOrNone([Promise.resolve(1), Promise.resolve(2)], async () => undefined)).toEqual([1, 2])
})

test('none when one fails: the others are ended, also those that start after it failed', async () => {
  const closed: number[] = []
  const late = Promise.withResolvers<number>()
  const all = allOrNone([Promise.resolve(1), Promise.reject(new Error('not this one')), late.promise], async (each) => {
    closed.push(each)
  })
  late.resolve(3)
  await expect(all).rejects.toThrow('not this one')
  expect(closed).toEqual([1, 3])
})
