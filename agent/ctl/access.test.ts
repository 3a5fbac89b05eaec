import { describe, expect, test } from 'vitest'
import { blocksInheritance, effectiveAces, inheritedAces, mayReadAll, rightsBelow, rightsOf } from './access.ts'
import { type Ace, viewAce } from './ace.ts'
import { descriptorWith, sid } from './descriptor.fixture.ts'
import { controlBit } from './descriptor.ts'
import { classes, fourEntries, rights } from './four-rights.ts'
import { guidBytes } from './identifiers.ts'

const account = sid('S-1-5-21-1-2-3-1104')
const team = sid('S-1-5-21-1-2-3-1105')
const stranger = sid('S-1-5-21-1-2-3-1106')
const everyone = sid('S-1-1-0')
const self = sid('S-1-5-10')
const subject = { sids: [account, team] }
const none = { resetPassword: false, changePassword: false, lockoutTime: false, pwdLastSet: false }
const all = { resetPassword: true, changePassword: true, lockoutTime: true, pwdLastSet: true }
const userRestrictions = guidBytes('4c164200-20c0-11d0-a768-00aa006e0529')
const group = guidBytes('bf967a9c-0de6-11d0-a285-00aa003049e2')
const write = { mask: 0x20 }
const control = { mask: 0x100 }

test.each<[string, Partial<Ace>[], Partial<typeof all>]>([
  ['nothing', [], {}],
  ['each by its identifier: reset', [{ ...control, objectType: rights.resetPassword.identifier }], { resetPassword: true }],
  ['each by its identifier: change', [{ ...control, objectType: rights.changePassword.identifier }], { changePassword: true }],
  ['each by its identifier: lockoutTime', [{ ...write, objectType: rights.lockoutTime.identifier }], { lockoutTime: true }],
  ['each by its identifier: pwdLastSet', [{ ...write, objectType: rights.pwdLastSet.identifier }], { pwdLastSet: true }],
  ['an identifier with the wrong mask', [{ ...write, objectType: rights.resetPassword.identifier }], {}],
  ['reading', [{ mask: 0x10 }], {}],
  ['all extended rights', [control], { resetPassword: true, changePassword: true }],
  ['all attributes', [write], { lockoutTime: true, pwdLastSet: true }],
  ['a set of attributes', [{ ...write, objectType: userRestrictions }], { pwdLastSet: true }],
  ['the set is no extended right', [{ ...control, objectType: userRestrictions }], {}],
  ['the class of the object', [{ ...write, objectType: classes.user }], { lockoutTime: true, pwdLastSet: true }],
  ['another class', [{ ...write, objectType: group }], {}],
  ['full control', [{ mask: 0xf01ff }], all],
  ['generic all', [{ mask: 0x1000_0000 }], all],
  ['generic write', [{ mask: 0x4000_0000 }], { lockoutTime: true, pwdLastSet: true }],
  ['to a group of theirs', [{ mask: 0xf01ff, sid: team }], all],
  ['to somebody else', [{ mask: 0xf01ff, sid: stranger }], {}],
  ['to Everyone', [{ ...control, sid: everyone }], { resetPassword: true, changePassword: true }],
  ['to Authenticated Users', [{ ...write, sid: sid('S-1-5-11') }], { lockoutTime: true, pwdLastSet: true }],
  ['for objects below only', [{ mask: 0xf01ff, flags: 0x0a }], {}],
  ['inherited from above', [{ mask: 0xf01ff, flags: 0x12 }], all],
  [
    'inherited for a class, which has been applied',
    [{ ...control, flags: 0x12, inheritedObjectType: classes.user }],
    { resetPassword: true, changePassword: true },
  ],
  ['denied before', [{ kind: 'deny', ...control }, { mask: 0xf01ff }], { lockoutTime: true, pwdLastSet: true }],
  ['denied to a group, before', [{ kind: 'deny', ...control, sid: team }, { mask: 0xf01ff }], { lockoutTime: true, pwdLastSet: true }],
  ['denied to somebody else', [{ kind: 'deny', ...control, sid: stranger }, { mask: 0xf01ff }], all],
  ['denied after (an inherited denial)', [{ mask: 0xf01ff }, { kind: 'deny', ...control, flags: 0x12 }], all],
  ['denied below only', [{ kind: 'deny', ...control, flags: 0x0a }, { mask: 0xf01ff }], all],
  [
    'one attribute denied, the set allowed',
    [{ kind: 'deny', ...write, objectType: rights.pwdLastSet.identifier }, write],
    { lockoutTime: true },
  ],
  ['the set denied, all allowed', [{ kind: 'deny', ...write, objectType: userRestrictions }, write], { lockoutTime: true }],
  [
    '"user cannot change password"',
    [{ kind: 'deny', ...control, objectType: rights.changePassword.identifier, sid: everyone }, control],
    { resetPassword: true },
  ],
])('%s', (_, aces, expected) => {
  expect(rightsOf(descriptorWith(...aces), subject)).toEqual({ ...none, ...expected })
})

describe('who else', () => {
  test('entries for Self are for the object itself', () => {
    const descriptor = descriptorWith({ ...control, sid: self })
    expect(rightsOf(descriptor, { sids: [account], objectSid: account })).toMatchObject({ changePassword: true })
    expect(rightsOf(descriptor, { sids: [account], objectSid: stranger })).toEqual(none)
  })

  test('no list allows everything, an empty one nothing', () => {
    const descriptor = descriptorWith()
    expect(rightsOf(descriptor, subject)).toEqual(none)
    expect(rightsOf({ ...descriptor, dacl: undefined }, subject)).toEqual(all)
    expect(rightsOf({ ...descriptor, control: controlBit.selfRelative }, subject)).toEqual(all)
  })

  test('entries of types nobody here knows decide nothing', () => {
    expect(rightsOf(descriptorWith(Buffer.from('09000c00ff010f0000000000', 'hex'), { mask: 0xf01ff }), subject)).toEqual(all)
  })
})

describe('what is inherited', () => {
  const onContainer = fourEntries(account).map(({ ace }) => ace)
  const flagsOf = (aces: readonly Buffer[]) => aces.map((ace) => ace.readUInt8(1))
  const one = (ace: Partial<Ace>) => descriptorWith(ace).dacl?.aces ?? []

  test('the four: nothing on the container, all on users below, none on others', () => {
    const container = descriptorWith(...onContainer)
    expect(rightsOf(container, subject)).toEqual(none)
    expect(rightsBelow(container, subject)).toEqual(all)
    expect(rightsBelow(container, subject, group)).toEqual(none)
    expect(rightsBelow(container, { sids: [stranger] })).toEqual(none)
  })

  test('through a unit in between', () => {
    const unit = guidBytes('bf967aa5-0de6-11d0-a285-00aa003049e2')
    const between = inheritedAces(onContainer, unit)
    expect(flagsOf(between)).toEqual([0x1a, 0x1a, 0x1a, 0x1a])
    expect(flagsOf(inheritedAces(between, classes.user))).toEqual([0x12, 0x12, 0x12, 0x12])
  })

  test.each([
    ['not at all', { flags: 0 }, []],
    ['by objects that are no containers', { flags: 0x01 }, []],
    ['by all below', { flags: 0x02 }, [0x12]],
    ['by children alone', { flags: 0x06 }, [0x10]],
    ['by children alone, of another class', { flags: 0x06, inheritedObjectType: group }, []],
    ['by another class', { flags: 0x02, inheritedObjectType: group }, [0x1a]],
  ])('%s', (_, ace, flags) => {
    expect(flagsOf(inheritedAces(one(ace), classes.user))).toEqual(flags)
  })

  test('comes after what is the object’s own; what was inherited before is replaced', () => {
    const own = one({ kind: 'deny', sid: everyone })
    const stale = one({ flags: 0x12, sid: stranger })
    const effective = effectiveAces([...own, ...stale], onContainer, classes.user)
    expect(effective.slice(0, 1)).toEqual(own)
    expect(effective).toHaveLength(5)
    expect(effective.map(viewAce)).not.toContainEqual(expect.objectContaining({ sid: stranger }))
  })

  test('a protected descriptor says so', () => {
    const descriptor = descriptorWith()
    expect(blocksInheritance(descriptor)).toBe(false)
    expect(blocksInheritance({ ...descriptor, control: descriptor.control | controlBit.daclProtected })).toBe(true)
  })
})

test('reading everything needs an entry about all attributes', () => {
  expect(mayReadAll(descriptorWith({ mask: 0x2_0094 }), subject)).toBe(true)
  expect(mayReadAll(descriptorWith({ mask: 0x8000_0000 }), subject)).toBe(true)
  expect(mayReadAll(descriptorWith({ mask: 0x10, objectType: userRestrictions }), subject)).toBe(false)
  expect(mayReadAll(descriptorWith({ kind: 'deny', mask: 0x10 }, { mask: 0x10 }), subject)).toBe(false)
  expect(mayReadAll(descriptorWith(), subject)).toBe(false)
  expect(mayReadAll({ ...descriptorWith(), dacl: undefined }, subject)).toBe(true)
})
