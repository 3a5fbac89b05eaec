import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columns, csvOf, linesOf } from './export.ts'
import type { ListedEntry } from './listing.ts'

const entry = (reason: string): ListedEntry => ({
  event: 'administratorActed',
  id: 34031,
  at: 0,
  who: '-w',
  role: 'Writeback.Admin',
  action: 'relink',
  outcome: 'done',
  reason,
})

/** RFC 4180, every field quoted. */
function parse(csv: string): string[][] {
  const records: string[][] = [[]]
  for (const [, text = '', end] of csv.matchAll(/"((?:[^"]|"")*)"(,|\r\n)/g)) {
    records.at(-1)?.push(text.replaceAll('""', '"'))
    if (end === '\r\n') records.push([])
  }
  return records.slice(0, -1)
}

describe('CSV', () => {
  it('brings every text back, and no cell begins like a formula', () => {
    const hostile = fc.constantFrom('=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '"=1"', 'a,b', 'a\r\nb', '""')
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), hostile), (reason) => {
        const [head, cells = []] = parse(csvOf([entry(reason)]))
        expect(head).toEqual([...columns])
        expect(cells.every((cell) => !/^[=+\-@\t\r\n]/.test(cell))).toBe(true)
        const last = cells.at(-1) ?? ''
        expect([reason, `'${reason}`]).toContain(last)
      }),
    )
  })

  it('writes what an entry lacks as nothing', () => {
    const [, cells] = parse(csvOf([{ event: 'gatePassed', id: 34074, at: 0, flow: 'f' }]))
    expect(cells?.filter((cell) => cell !== '')).toEqual(['1970-01-01T00:00:00.000Z', 'gatePassed', '34074', 'f'])
  })
})

it('JSON lines are one object each, whatever stands in a reason', () => {
  const lines = linesOf([entry('a\nb'), entry('c')])
    .trimEnd()
    .split('\n')
  expect(lines.map((line) => JSON.parse(line).reason)).toEqual(['a\nb', 'c'])
})
