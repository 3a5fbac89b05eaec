import fc from 'fast-check'
import { expect, test } from 'vitest'
import { itemNamed, type Json, valueAt, withItem, withoutItem, withValue } from './settings-edit.ts'

const word = fc.stringMatching(/^[a-z]{1,4}$/)
const key = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'))
const settings = fc.object({ key: word, maxDepth: 2 }) as fc.Arbitrary<Json>

/** Leaves by their whole names. */
function leaves(value: unknown, path: readonly string[] = []): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path.join('.'), value]]
  return Object.entries(value).flatMap(([name, child]) => leaves(child, [...path, name]))
}

test('what was put in is there, and nothing else has changed', () => {
  fc.assert(
    fc.property(settings, key, fc.string(), (before, name, value) => {
      const after = withValue(before, name, value)
      expect(valueAt(after, name)).toBe(value)
      const others = (all: Json) =>
        leaves(all).filter(([leaf]) => leaf !== name && !leaf.startsWith(`${name}.`) && !name.startsWith(`${leaf}.`))
      expect(others(after)).toEqual(others(before))
      expect(withValue(after, name, value)).toEqual(after)
    }),
  )
})

test('what was taken away is not there, and stays where it was otherwise', () => {
  fc.assert(
    fc.property(settings, key, (before, name) => {
      expect(valueAt(withValue(before, name, undefined), name)).toBeUndefined()
    }),
  )
  expect(Object.keys(withValue({ a: 1, b: 2, c: 3 }, 'b', 4))).toEqual(['a', 'b', 'c'])
})

test('an item keeps what it is not asked about, and so do its neighbours', () => {
  const before = { forests: [{ name: 'a', note: 'x', bindDn: 'CN=1' }, { name: 'b' }], other: true }
  const after = withItem(before, 'forests', 'a', { bindDn: 'CN=2', caFile: undefined })
  expect(after).toEqual({ forests: [{ name: 'a', note: 'x', bindDn: 'CN=2' }, { name: 'b' }], other: true })
  expect(itemNamed(withItem(after, 'forests', 'c', { bindDn: 'CN=3' }), 'forests', 'c')).toEqual({ name: 'c', bindDn: 'CN=3' })
})

test('a forest goes with its rules alone', () => {
  const rules = [
    { name: '1', forest: 'a' },
    { name: '2', forest: 'b' },
  ]
  expect(withoutItem({ forests: [{ name: 'a' }, { name: 'b' }], rules }, 'forests', 'a')).toEqual({
    forests: [{ name: 'b' }],
    rules: [rules[1]],
  })
})
