import { expect, test } from 'vitest'
import { viewAce } from './ace.ts'
import { descriptorWith, sid } from './descriptor.fixture.ts'
import { fourEntries, fourRights, rightEntry } from './four-rights.ts'
import { planGrant, planRevoke } from './grant-plan.ts'

const account = sid('S-1-5-21-1-2-3-1104')
const wanted = fourEntries(account)
const four = wanted.map(({ ace }) => ace)
const list = (...aces: Parameters<typeof descriptorWith>) => descriptorWith(...aces).dacl?.aces ?? []
const [denial, allowance, inheritedDenial, inherited] = list(
  { kind: 'deny', sid: sid('S-1-1-0') },
  { sid: sid('S-1-5-11') },
  { kind: 'deny', flags: 0x12 },
  { flags: 0x12 },
)
const present = [denial, allowance, inheritedDenial, inherited].filter((ace) => ace !== undefined)

test('new entries go behind the explicit ones and before the inherited', () => {
  expect(planGrant(present, wanted)).toEqual({ aces: [...present.slice(0, 2), ...four, ...present.slice(2)], changed: wanted })
  expect(planGrant([], wanted).aces).toEqual(four)
  expect(planGrant(present.slice(0, 2), wanted).aces).toEqual([...present.slice(0, 2), ...four])
})

test('a second time changes nothing, wherever they stand', () => {
  const done = planGrant(present, wanted).aces
  expect(planGrant(done, wanted)).toEqual({ aces: done, changed: [] })
  expect(planGrant([...four.toReversed(), ...present], wanted).changed).toEqual([])
})

test.each(fourRights)('%s alone is missing', (right) => {
  const missing = rightEntry(right, account).ace
  const others = four.filter((ace) => !ace.equals(missing))
  expect(planGrant([...others, ...present], wanted).aces.filter((ace) => ace.equals(missing))).toHaveLength(1)
  expect(planGrant(others, wanted).changed.map(({ ace }) => ace)).toEqual([missing])
})

test('what looks like it is not it: inherited, on this object too, wider, of another account', () => {
  const [reset = Buffer.alloc(0)] = four
  const ace = viewAce(reset)
  if (typeof ace !== 'object') throw new Error('not an entry')
  const near = list({ ...ace, flags: 0x1a }, { ...ace, flags: 0x02 }, { ...ace, mask: 0x130 }, { ...ace, sid: sid('S-1-5-21-1-2-3-1105') })
  expect(planGrant(near, wanted).changed).toEqual(wanted)
  expect(planRevoke(near, wanted)).toEqual({ aces: near, changed: [] })
})

test('taking away undoes giving, and takes nothing else', () => {
  const others = fourEntries(sid('S-1-5-21-1-2-3-1105')).map(({ ace }) => ace)
  const before = [...others, ...present]
  const revoked = planRevoke(planGrant(before, wanted).aces, wanted)
  expect(revoked).toEqual({ aces: before, changed: wanted })
  expect(planRevoke(before, wanted)).toEqual({ aces: before, changed: [] })
})
