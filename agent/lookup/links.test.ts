import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ruleFor } from '../directory/one-domain.fixture.ts'
import { type Links, openLinks } from './links.ts'
import { fingerprintOf } from './rules.ts'

let folder: string
let now: number
let opened: Links[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'links-'))
  now = Date.UTC(2026, 10, 25)
  opened = []
})
afterEach(() => {
  for (const links of opened) links.close()
  rmSync(folder, { recursive: true })
})

const file = () => join(folder, 'links.sqlite')
const dayMs = 24 * 3_600_000
function open(fingerprint = 'rules-1'): Links {
  const links = openLinks({ file: file(), fingerprint, now: () => now })
  opened.push(links)
  return links
}
const link = { sourceAnchor: 'YW5jaG9y', cloudAnchor: Buffer.alloc(16, 2), rule: 'everybody', guid: Buffer.alloc(16, 1) }

test('a link is kept, also for the next run, for a day', () => {
  open().keep(link)
  expect(open().find(link.sourceAnchor)).toEqual(link)
  now += dayMs
  expect(open().find(link.sourceAnchor)).toEqual(link)
  now += 1
  expect(open().find(link.sourceAnchor)).toBeUndefined()
})

test('a clock that was set back does not make it last', () => {
  const links = open()
  links.keep(link)
  now -= 1
  expect(links.find(link.sourceAnchor)).toBeUndefined()
})

test('it is replaced, and forgotten', () => {
  const links = open()
  links.keep(link)
  links.keep({ ...link, cloudAnchor: undefined, guid: Buffer.alloc(16, 9) })
  expect(links.find(link.sourceAnchor)).toEqual({ ...link, cloudAnchor: undefined, guid: Buffer.alloc(16, 9) })
  links.forget(link.sourceAnchor)
  expect(links.find(link.sourceAnchor)).toBeUndefined()
})

test('other rules: everything is found anew', () => {
  open().keep(link)
  expect(open('rules-2').find(link.sourceAnchor)).toBeUndefined()
})

test.each<[string, Parameters<typeof ruleFor>[1]]>([
  ['name', { name: 'other' }],
  ['filter', { filter: '(a=b)' }],
  ['anchor', { anchor: 'objectGUID' }],
  ['precedence', { precedence: 1 }],
  ['enabled', { enabled: false }],
  ['forest', { forest: 'north' }],
])('rules that differ in their %s are other rules', (_, change) => {
  expect(fingerprintOf([ruleFor('DC=a', change)])).not.toBe(fingerprintOf([ruleFor('DC=a')]))
})

test('the file is the account’s alone', () => {
  open().keep(link)
  expect(statSync(file()).mode & 0o777).toBe(0o600)
})

test('a damaged file is begun anew', () => {
  writeFileSync(file(), 'no database at all, but long enough to be read as one '.repeat(40))
  const links = open()
  links.keep(link)
  expect(links.find(link.sourceAnchor)).toEqual(link)
  expect(readFileSync(file()).subarray(0, 6).toString()).toBe('SQLite')
})

test('what cannot be read any more is not known, and stops nobody', () => {
  const links = open()
  links.keep(link)
  links.close()
  expect(links.find(link.sourceAnchor)).toBeUndefined()
  expect(() => links.keep(link)).not.toThrow()
  expect(() => links.forget(link.sourceAnchor)).not.toThrow()
})
