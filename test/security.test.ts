import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const text = readFileSync(new URL('../SECURITY.md', import.meta.url), 'utf8')
const named = [...new Set([...text.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, path = '']) => path))]

test('SECURITY.md names its tests', () => {
  expect(named.length).toBeGreaterThan(10)
})

test.each(named)('%s exists', (path) => {
  expect(existsSync(new URL(`../${path}`, import.meta.url))).toBe(true)
})

test('every line that says "cannot" is backed by a test', () => {
  const rows = text.split('\n').filter((line) => /^\| cannot/.test(line))
  const unbacked = rows.filter((line) => !/`[\w./-]+\.test\.ts`/.test(line))
  expect(rows.length).toBeGreaterThan(10)
  expect(unbacked).toEqual([])
})
