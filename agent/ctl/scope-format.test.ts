import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { headOf, textOf } from './scope-format.ts'
import { columns, type Line } from './scope-line.ts'

const line = (over: Partial<Line> = {}): Line => ({
  rule: 'everybody',
  forest: 'corp',
  domain: 'corp.test',
  dn: 'CN=Ada,DC=corp,DC=test',
  sAMAccountName: 'ada',
  userPrincipalName: 'ada@corp.test',
  sourceAnchor: 'AAAA',
  status: 'inScope',
  detail: '',
  ...over,
})

/** RFC 4180, read strictly: one record. */
function parseCsv(text: string): string[] {
  const cells: string[] = []
  let rest = text
  for (;;) {
    const match = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n$)/.exec(rest)
    if (match === null) throw new Error('not a record of RFC 4180')
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] !== ',') return cells
    rest = rest.slice(match[0].length)
  }
}

const odd = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.constantFrom('=', '+', '-', '@', '\t', '\r', '\n', ',', ';', '"', "'", ' ', '\0', '＝', 'x')).map((each) => each.join('')),
)
const lines = fc.record({ dn: odd, sAMAccountName: odd, userPrincipalName: odd, sourceAnchor: odd, detail: odd }).map(line)

describe('CSV', () => {
  test('whatever a name holds, it comes out again, in its own cell', () => {
    fc.assert(
      fc.property(lines, (given) => {
        const cells = parseCsv(textOf(given, 'csv'))
        const plain = cells.map((cell) => (cell.startsWith("'") ? cell.slice(1) : cell))
        expect(plain).toEqual(columns.map((name) => given[name]))
      }),
    )
  })

  test('no cell begins a formula', () => {
    fc.assert(
      fc.property(lines, (given) => {
        for (const cell of parseCsv(textOf(given, 'csv'))) expect(cell).not.toMatch(/^[\s\p{Cc}]*[=+\-@＝＋－＠]/u)
      }),
    )
  })

  test.each([
    ['=HYPERLINK("http://evil.test")', `"'=HYPERLINK(""http://evil.test"")"`],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    [' =1', "' =1"],
    ['\t=1', `"'\t=1"`],
    ["'quoted", "''quoted"],
    ["O'Neil", "O'Neil"],
    ['a, b', '"a, b"'],
    ['', ''],
  ])('%j', (detail, cell) => {
    expect(textOf(line({ detail }), 'csv').endsWith(`,inScope,${cell}\r\n`)).toBe(true)
  })

  test('the head names the columns', () => {
    expect(headOf('csv')).toBe('rule,forest,domain,dn,sAMAccountName,userPrincipalName,sourceAnchor,status,detail\r\n')
  })
})

test('JSON: one object a line, every text exact', () => {
  fc.assert(
    fc.property(lines, (given) => {
      const text = textOf(given, 'json')
      expect(text.indexOf('\n')).toBe(text.length - 1)
      expect(JSON.parse(text)).toEqual(given)
    }),
  )
  expect(headOf('json')).toBe('')
})
