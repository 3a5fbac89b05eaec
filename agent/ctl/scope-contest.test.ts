import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { User } from '../directory/account.ts'
import { join } from '../lookup/metaverse.ts'
import type { Rule } from '../lookup/rules.ts'
import { type Carrier, createContest, type Verdict } from './scope-contest.ts'

const rule = (name: string, precedence: number): Rule => ({
  name,
  forest: 'corp',
  baseDn: 'DC=corp,DC=test',
  anchor: 'mS-DS-ConsistencyGuid',
  precedence,
  enabled: true,
})
const guid = (number: number) => Buffer.alloc(16, number)
const carrier = (at: number, account: number, anchor = 'a', isOwner = false): Carrier => ({
  rule: at,
  guid: guid(account),
  anchor,
  isOwner,
})

function verdicts(rules: readonly Rule[], carriers: readonly Carrier[]): Verdict[] {
  const contest = createContest(rules)
  for (const each of carriers) contest.add(each)
  return carriers.map((each) => contest.verdict(each))
}

const equals = [rule('one', 1), rule('two', 1), rule('later', 2)]
const one: Verdict = { kind: 'one' }

test.each<[string, Carrier[], Verdict[]]>([
  ['alone', [carrier(0, 1)], [one]],
  ['two anchors', [carrier(0, 1, 'a'), carrier(0, 2, 'b')], [one, one]],
  ['two in one rule', [carrier(0, 1), carrier(0, 2)], Array(2).fill({ kind: 'ambiguous', accounts: 2, rules: ['one'] })],
  ['two in equal rules', [carrier(0, 1), carrier(1, 2)], Array(2).fill({ kind: 'ambiguous', accounts: 2, rules: ['one', 'two'] })],
  ['a better rule', [carrier(2, 1), carrier(1, 2)], [{ kind: 'outranked', rule: 'two' }, one]],
  ['one account under two equal rules', [carrier(1, 1), carrier(0, 1)], [{ kind: 'outranked', rule: 'one' }, one]],
  ['the owner of the objectGUID against a copy', [carrier(0, 1, 'a', true), carrier(0, 2)], [one, { kind: 'notOwner' }]],
  [
    'the owner against a copy in another forest of equal precedence',
    [carrier(0, 1, 'a', true), carrier(1, 2)],
    Array(2).fill({ kind: 'ambiguous', accounts: 2, rules: ['one', 'two'] }),
  ],
])('%s', (_, carriers, expected) => {
  expect(verdicts(equals, carriers)).toEqual(expected)
})

const carriersOf = fc.uniqueArray(
  fc
    .record({ rule: fc.nat(2), account: fc.nat(3), isOwner: fc.boolean() })
    .map((each) => carrier(each.rule, each.account, 'a', each.isOwner)),
  { selector: ({ rule, guid }) => `${rule} ${guid.toString('hex')}`, minLength: 1 },
)
const precedences = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2))

/** Of what carries the anchor within a rule, the owner alone counts (agent/lookup/find.ts); then the metaverse joins. */
test('whom a request would reach is whom the report calls the one', () => {
  fc.assert(
    fc.property(carriersOf, precedences, (carriers, given) => {
      const rules = given.map((precedence, at) => rule(`rule ${at}`, precedence))
      const counting = carriers.filter((each) => each.isOwner || !carriers.some((other) => other.rule === each.rule && other.isOwner))
      const objects = counting
        .sort((a, b) => a.rule - b.rule)
        .flatMap((each) => {
          const found = rules[each.rule]
          return found ? [{ rule: found, user: { domain: 'corp.test', guid: each.guid } as User }] : []
        })
      const joined = join(objects)
      const reached = carriers.filter((_, at) => verdicts(rules, carriers)[at]?.kind === 'one')
      const ambiguous = verdicts(rules, carriers).filter(({ kind }) => kind === 'ambiguous')
      expect(reached.map((each) => [rules[each.rule]?.name, each.guid])).toEqual(
        joined.kind === 'one' ? [[joined.object.rule.name, joined.object.user.guid]] : [],
      )
      expect(ambiguous.length > 0).toBe(joined.kind === 'ambiguous')
    }),
  )
})

test('20,000 accounts, half of them with an anchor of their own', () => {
  const contest = createContest(equals)
  const numbered = (number: number) => {
    const bytes = Buffer.alloc(16)
    bytes.writeUInt32LE(number)
    return bytes
  }
  const all = Array.from({ length: 20_000 }, (_, at) => ({ ...carrier(0, 0, `anchor ${at % 15_000}`), guid: numbered(at) }))
  for (const each of all) contest.add(each)
  const kinds = all.map((each) => contest.verdict(each).kind)
  expect(kinds.filter((kind) => kind === 'ambiguous')).toHaveLength(10_000)
  expect(kinds.filter((kind) => kind === 'one')).toHaveLength(10_000)
})
