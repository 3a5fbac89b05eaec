import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { containsName, isComplex } from './complexity.ts'

describe('three of five kinds of characters', () => {
  test.each([
    ['upper, lower, digit', 'Abc123', true],
    ['upper, lower, sign', 'Abc!', true],
    ['lower, digit, sign', 'abc1!', true],
    ['upper, lower', 'Abcdef', false],
    ['digits and signs', '123!#', false],
    ['letters with accents have a case', 'Éàa1', true],
    ['Greek and Cyrillic have a case', 'Ωж1', true],
    ['letters without case are a kind', 'パスa1', true],
    ['letters without case alone', 'パスワード', false],
    ['a blank is no sign', 'Abc def', false],
    ['the euro is no sign', 'Abc€', false],
    ['other digits are no digits', 'Abc٣', false],
    ['an emoji is nothing', 'Abc🙂', false],
    ['nothing', '', false],
  ])('%s', (_, password, complex) => {
    expect(isComplex(password)).toBe(complex)
  })

  test('neither order nor more characters take a kind away', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(['A', 'z', '7', '!', '字'], { minLength: 3 }), fc.string({ unit: 'grapheme' }), (kinds, more) => {
        expect(isComplex(kinds.join(more))).toBe(true)
      }),
    )
  })

  test('one or two kinds never suffice', () => {
    const kinds = fc.subarray(['ABCÄΩЖ', 'abcäωж', '0123456789', '~!@#$%^&*_-+=`|\\(){}[]:;"\'<>,.?/', '字パ'], { maxLength: 2 })
    const password = kinds.chain((chosen) => fc.string({ unit: fc.constantFrom(...chosen.join(''), ' ', '€'), maxLength: 30 }))
    fc.assert(
      fc.property(password, (text) => {
        expect(isComplex(text)).toBe(false)
      }),
    )
  })
})

describe('nothing of the name', () => {
  test.each([
    ['the account name', 'xxADA.l!xx', 'ada.l', '', true],
    ['the account name is not cut', 'xxada1xx', 'ada.l', '', false],
    ['a short account name is not looked for', 'xxalxx', 'al', '', false],
    ['a part of the display name', 'My-LOVELACE-1', 'u1', 'Lovelace, Ada', true],
    ['every delimiter cuts', 'xfourx', 'u1', 'one,two.three-four_five six#seven\teight', true],
    ['a short part is not looked for', 'xxalxx', 'u1', 'Al Bo', false],
    ['a piece of a part is not looked for', 'xxlovexx', 'u1', 'Ada Lovelace', false],
    ['no display name', 'anything', 'u1', '', false],
    ['special characters stand for themselves', 'axbc', 'a.*c', '', false],
  ])('%s', (_, password, accountName, displayName, contains) => {
    expect(containsName(password, accountName, displayName)).toBe(contains)
  })

  test('a name of three letters or more is found wherever it stands, in any case', () => {
    const name = fc.stringMatching(/^[a-z]{3,12}$/)
    fc.assert(
      fc.property(name, fc.string(), fc.string(), fc.boolean(), (part, before, after, upper) => {
        const password = before + (upper ? part.toUpperCase() : part) + after
        expect(containsName(password, part, '')).toBe(true)
        expect(containsName(password, 'u1', `X, ${part}`)).toBe(true)
      }),
    )
  })
})
