import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { Secret } from '../../shared/secret.ts'
import { containsWord, nameParts } from './banned.ts'
import { createCheckPassword } from './check.ts'
import { type CommonPasswords, isCommon, loadCommonPasswords, points } from './common.ts'
import { foldedSecret, foldedText } from './folded.ts'
import { defaultPolicy } from './row.ts'

let common: CommonPasswords
beforeAll(async () => {
  common = await loadCommonPasswords()
})

const bannedBy = (password: string, ...words: string[]) => containsWord(foldedText(password), words)
const guessable = (password: string) => isCommon(foldedText(password), common)
const letters = 'abcdefghijklmnopqrstuvwxyz'
const word = fc.string({ unit: fc.constantFrom(...letters), minLength: 6, maxLength: 16 })
const anything = fc.string({ unit: 'grapheme', maxLength: 20 })

describe('a word of the organization', () => {
  it.each([
    'contoso',
    'Contoso2026!',
    'xX-C0NT0$O-Xx',
    'ｃｏｎｔｏｓｏ-wide',
    'cöntósö-accents',
    'cont\u0301oso-combined',
    'a-contso-short',
    'a-conntoso-long',
    'a-contosa-other',
    'con-toso',
    'ontoso-first-gone',
    '9-contos',
  ])('is found in %s', (password) => {
    expect(bannedBy(password, 'tower', 'Contoso')).toBe(true)
  })

  it.each(['kontozo-two', 'CONTRAST', 'оттого-солнце', 'ntoso', ''])('is not in %s', (password) => {
    expect(bannedBy(password, 'Contoso')).toBe(false)
  })

  it.each([
    ['tower', 'power-plant', false],
    ['tower', 'my-t0wer', true],
    ['Straße', 'HAUPTSTRASSE', true],
    ['ΣΑΣΑΣ', 'σασας-9', true],
    ['σασα', 'ΣΑΣΑΣ', true],
    ['kırık', 'KIRIK', true],
    ['Ⅷ-roman', 'viii-r0man', true],
    ['𝒞𝑜𝓃𝓉𝑜𝓈𝑜', 'contoso', true],
  ])('%s, %s: %s', (banned, password, expected) => {
    expect(bannedBy(password, banned)).toBe(expected)
  })

  it('is found whatever stands around it, in whatever case and disguise, with one character more, less or other', () => {
    const disguises: Record<string, string[]> = {
      o: ['0'],
      i: ['1', '!', 'l', '|'],
      l: ['1', 'i'],
      e: ['3'],
      a: ['4', '@'],
      s: ['5', '$'],
      t: ['7'],
    }
    const disguised = word.chain((text) =>
      fc.tuple(
        fc.constant(text),
        fc
          .tuple(...[...text].map((each) => fc.constantFrom(each, each.toUpperCase(), ...(disguises[each] ?? []))))
          .map((all) => all.join('')),
      ),
    )
    const edit = fc.record({
      at: fc.nat(20),
      kind: fc.constantFrom('none', 'more', 'less', 'other'),
      by: fc.constantFrom(...letters, '-', '9'),
    })
    fc.assert(
      fc.property(disguised, edit, anything, anything, ([text, written], { at, kind, by }, before, after) => {
        const where = at % written.length
        const [head, tail] = [written.slice(0, where), written.slice(where)]
        const edited = { none: written, more: head + by + tail, less: head + tail.slice(1), other: head + by + tail.slice(1) }[kind]
        expect(bannedBy(before + edited + after, 'unrelated', text)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('is found exactly where the slow way finds it', () => {
    const small = (min: number, max: number) => fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: min, maxLength: max })
    fc.assert(
      fc.property(small(0, 12), small(4, 8), (password, term) => {
        const within = term.length < 6 ? 0 : 1
        const pieces = Array.from({ length: password.length }, (_, from) =>
          Array.from({ length: password.length - from }, (_, n) => password.slice(from, from + n + 1)),
        ).flat()
        expect(bannedBy(password, term)).toBe(pieces.some((piece) => distance(piece, term) <= within))
      }),
      { numRuns: 1_000 },
    )
  })
})

/** Levenshtein, as in every textbook. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length] ?? 0
}

describe('folded', () => {
  it('folds what is folded to itself', () => {
    const units = (text: string) => foldedText(text).meant.join()
    const all = Array.from({ length: 0xd7ff }, (_, n) => String.fromCharCode(n + 1))
    const again = (text: string) => String.fromCharCode(...foldedText(text).meant)
    expect(all.filter((each) => units(again(each)) !== units(each))).toEqual([])
  })

  it('reads bytes and texts the same, and NFC and NFD', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        using password = Secret.fromText(text)
        expect(foldedSecret(password).plain).toEqual(foldedText(text).plain)
        expect(foldedText(text.normalize('NFC')).plain).toEqual(foldedText(text.normalize('NFD')).plain)
      }),
    )
  })

  it('is gone after use, the password is not', () => {
    using password = Secret.fromText('Contoso-1')
    const { plain, meant, [Symbol.dispose]: wipe } = foldedSecret(password)
    wipe()
    expect([...plain, ...meant].every((unit) => unit === 0)).toBe(true)
    expect(password.use(String)).toBe('Contoso-1')
  })
})

describe('what everybody takes', () => {
  it.each([
    'password',
    'Passw0rd!',
    'P@ssword2026!',
    'Summer2026!',
    'Qwerty123!',
    'letmein-1',
    'iloveyou!!!!!!!!',
    'monkeydragon99',
    '12345678',
    '27101983',
    'aaaaaaaaaaaa',
  ])('refuses %s', (password) => expect(guessable(password)).toBe(true))

  it.each(['Correct-Horse-7', 'Wbx-7201-quartz', 'k7Qz93vT', 'correct horse battery staple', 'наше-лето-2026', 'x', 'a1!', ''])(
    'has nothing against %s',
    (password) => expect(guessable(password)).toBe(false),
  )

  it('refuses each of the list, in any case, with up to three characters more', () => {
    const listed = fc.constantFrom('123456', 'dragon', 'football', 'trustno1', 'superman', '1qaz2wsx', 'michael')
    const more = fc.array(fc.constantFrom('!', '-', 'x', '9'), { maxLength: 3 })
    fc.assert(fc.property(listed, more, fc.boolean(), (text, end, upper) => guessable((upper ? text.toUpperCase() : text) + end.join(''))))
  })

  it('never counts more than the characters, and a character more never takes a point away but for one', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), fc.string({ minLength: 1, maxLength: 1 }), (text, one) => {
        const [before, after] = [points(foldedText(text), common), points(foldedText(text + one), common)]
        expect(before).toBeLessThanOrEqual(foldedText(text).plain.length)
        expect(after).toBeLessThanOrEqual(before + 1)
      }),
    )
  })

  it('leaves passwords by chance alone', () => {
    const drawn = fc.string({
      unit: fc.constantFrom(...'abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789-_!%'),
      minLength: 12,
      maxLength: 12,
    })
    fc.assert(
      fc.property(drawn, (text) => !guessable(text)),
      { numRuns: 1_000, seed: 1 },
    )
  })
})

describe('a check', () => {
  const check = createCheckPassword({
    isBreached: async () => false,
    policies: { current: async () => ({ ...defaultPolicy, bannedWords: ['Contoso'] }) },
    load: async () => common,
  })
  const said = async (text: string, names?: readonly string[]) => {
    using password = Secret.fromText(text)
    return await check(password, names && { names })
  }

  it('says that a password is guessable, and nothing of why or of the password', async () => {
    for (const [text, ...names] of [
      ['C0ntoso-tower-9'],
      ['Password-1'],
      ['My-Lovelace-99', 'lovelace'],
      ['a-L0velaze-9', 'lovelace'],
    ] as const)
      expect(await said(text, names)).toEqual({ kind: 'policy.banned' })
    expect(await said('My-Lovelace-99', ['ada', 'byron'])).toBeUndefined()
    expect(await said('My-Lovelace-99')).toBeUndefined()
  })

  it('looks among breached ones where the policy says so, and only for what is not refused anyway', async () => {
    const asked: string[] = []
    const checking = (breachCheck: boolean) =>
      createCheckPassword({
        isBreached: async (password) => asked.push(password.use(String)) > 0,
        policies: { current: async () => ({ ...defaultPolicy, breachCheck }) },
        load: async () => common,
      })
    const good = () => Secret.fromText('Wbx-7201-quartz')
    expect(await checking(false)(good(), undefined)).toBeUndefined()
    expect(await checking(true)(Secret.fromText('Passw0rd!'), undefined)).toEqual({ kind: 'policy.banned' })
    expect(asked).toEqual([])
    expect(await checking(true)(good(), undefined)).toEqual({ kind: 'policy.banned' })
    expect(asked).toEqual(['Wbx-7201-quartz'])
  })

  it('takes names apart as people write them', () => {
    expect(nameParts(['ada.lovelace', "Ada O'Brien-Lovelace", 'Zoë Müller', undefined, null, ''])).toEqual(['lovelace', 'brien', 'müller'])
  })
})
