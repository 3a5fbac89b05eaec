import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Anchor, beginning, type EvidenceRecord, type Head, headOf, headText, parseHead, problemsOf } from './evidence.ts'

const facts = { kind: 'begun', why: 'byHand', by: 'timer' } as const
/** A chain of records with these reasons. */
function chainOf(reasons: readonly string[]): EvidenceRecord[] {
  let last: Head = beginning
  return reasons.map((reason, i) => {
    const record = { ...facts, sequence: last.sequence + 1, previous: last.hash, rolloverId: `run-${i}`, reason, at: i }
    last = headOf(record)
    return record
  })
}
const anchor = (record: EvidenceRecord | undefined): Anchor[] => (record ? [{ head: headText(headOf(record)), where: 'the note' }] : [])

const chain = fc.array(fc.string(), { minLength: 1, maxLength: 12 }).map(chainOf)
/** Any lists are short enough that a share of the cases meets each position. */
const chainAndPlaces = chain.chain((records) => {
  const place = fc.nat(records.length - 1)
  return fc.tuple(fc.constant(records), place, place)
})

describe('a chain', () => {
  test('as it was written is intact, under a head of any of its records', () => {
    fc.assert(
      fc.property(chainAndPlaces, ([records, at]) => {
        expect(problemsOf(records, [...anchor(records.at(-1)), ...anchor(records[at])])).toEqual([])
      }),
    )
  })

  test('of which a record was changed in any field is not', () => {
    fc.assert(
      fc.property(chainAndPlaces, fc.constantFrom('reason', 'rolloverId', 'by', 'at', 'previous', 'new'), ([records, at], field) => {
        const changed = records.map((record, i) => (i === at ? { ...record, [field]: `${record.reason}!` } : record))
        expect(problemsOf(changed, anchor(records.at(-1))).join()).toContain('rewritten')
      }),
    )
  })

  test('of which records were removed is not', () => {
    fc.assert(
      fc.property(chainAndPlaces, ([records, one, other]) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)]
        const left = records.toSpliced(from, to - from + 1)
        const [problem = '', ...more] = problemsOf(left, anchor(records.at(-1)))
        expect(more).toEqual([])
        const end = to === records.length - 1
        expect(problem).toMatch(left.length === 0 ? /everything was removed$/ : end ? /the end was cut off$/ : /not there: removed$/)
        expect(problem).toContain(
          left.length === 0 ? 'no record at all' : from === to ? `record ${from + 1} is` : `records ${from + 1} to ${to + 1} are`,
        )
      }),
    )
  })

  test('whose order was changed is not', () => {
    fc.assert(
      fc.property(chainAndPlaces, ([records, one, other]) => {
        fc.pre(one !== other)
        const moved = records.toSpliced(one, 1).toSpliced(other, 0, records[one] as EvidenceRecord)
        expect(problemsOf(moved, anchor(records.at(-1))).join()).toContain('the order was changed')
      }),
    )
  })

  test('into which a record was put is not', () => {
    fc.assert(
      fc.property(chainAndPlaces, ([records, at]) => {
        const twice = records.toSpliced(at, 0, { ...(records[at] as EvidenceRecord), reason: 'another' })
        expect(problemsOf(twice, anchor(records.at(-1)))).not.toEqual([])
      }),
    )
  })

  test('that was rewritten from somewhere on fits its own head, and no head of what was there', () => {
    fc.assert(
      fc.property(chainAndPlaces, ([records, at]) => {
        const rewritten = chainOf(records.map(({ reason }, i) => (i === at ? `${reason}!` : reason)))
        expect(problemsOf(rewritten, anchor(rewritten.at(-1)))).toEqual([])
        for (const later of records.slice(at))
          expect(problemsOf(rewritten, anchor(later))).toEqual([
            `the note names another record ${later.sequence} than the one that is there: one of them was rewritten`,
          ])
      }),
    )
  })

  test('is the same whatever the order of members, and after a journey as JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (extra) => {
        const record = { ...extra, sequence: 1, previous: beginning.hash }
        const reversed = Object.fromEntries(Object.entries(record).toReversed())
        expect(headOf(reversed as typeof record)).toEqual(headOf(record))
        expect(headOf(JSON.parse(JSON.stringify(record)))).toEqual(headOf(record))
        expect(headOf({ ...record, undefined: undefined } as typeof record)).toEqual(headOf(record))
      }),
    )
  })

  test('has the hash of RFC 8785, so that any program can check it', () => {
    const record = { previous: beginning.hash, sequence: 1, reason: 'Grüße €\n"', at: 1e21, nested: { b: [true, null], a: -0 } }
    // printf '%s' '{"at":1e+21,"nested":{"a":0,"b":[true,null]},"previous":"00…","reason":"Grüße €\\n\\"","sequence":1}' | sha256sum
    expect(headText(headOf(record))).toBe('1.980324eb3133a4940b883ee9bf148237444b5b5e576830e523613b1dd85bdd7c')
  })

  test('whose numbers leap is told in one line', () => {
    const [first] = chainOf(['a'])
    const far = { ...(first as EvidenceRecord), sequence: 999_999_999 }
    expect(problemsOf([first as EvidenceRecord, far], [])).toEqual(['records 2 to 999999998 are not there: removed'])
  })
})

describe('a head', () => {
  test('is read back as it was written', () => {
    const head = { sequence: 12, hash: 'ab'.repeat(32) }
    expect(parseHead(headText(head))).toEqual(head)
  })

  test.each([
    '',
    '1',
    `0.${'a'.repeat(64)}`,
    `01.${'a'.repeat(64)}`,
    `1.${'A'.repeat(64)}`,
    `1.${'a'.repeat(63)}`,
    `-1.${'a'.repeat(64)}`,
    `1.${'a'.repeat(64)}\n`,
  ])('is not read from %j', (text) => {
    expect(parseHead(text)).toBeUndefined()
    expect(problemsOf([], [{ head: text, where: 'the note' }])).toEqual(['the note is no head of a chain: it was changed'])
  })
})
