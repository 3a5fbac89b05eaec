import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { passwordProblem } from '../../shared/password.ts'
import { Secret } from '../../shared/secret.ts'
import { always, fine, nothing, type Sample, startSample } from './directory.fixture.ts'
import { quotedUtf16 } from './set-password.ts'

test('UTF-16LE in double quotes ([MS-ADTS] 3.1.1.3.1.5.1, the example "new")', () => {
  expect(quotedUtf16(Secret.fromText('new')).toString('hex')).toBe('22006e00650077002200')
})

test('every password arrives unit for unit', () => {
  const password = fc.string({ unit: 'grapheme', maxLength: 127 }).filter((text) => passwordProblem(text) === undefined)
  fc.assert(
    fc.property(password, (text) => {
      expect(quotedUtf16(Secret.fromText(text)).equals(Buffer.from(`"${text}"`, 'utf16le'))).toBe(true)
    }),
  )
})

test.each(['"', '""', '\ufeffx', 'ä', '🙂', ' blank ', '\\"', 'a\tb\n'])('quotes, marks and blanks stay as they are: %j', (text) => {
  expect(quotedUtf16(Secret.fromText(text)).equals(Buffer.from(`"${text}"`, 'utf16le'))).toBe(true)
})

test('the secret itself is left as it was', () => {
  const password = Secret.fromText('Fine-Word-77')
  quotedUtf16(password).fill(0)
  expect(password.use((value) => value.toString('utf8'))).toBe('Fine-Word-77')
})

let sample: Sample
beforeEach(async () => {
  sample = await startSample()
})
afterEach(() => sample.close())

describe('set', () => {
  test.each([fine, 'Grüße-an-Zoë-7', 'Pass"word\\"-7', '密码-Wörter-77', `Aa1-${'x'.repeat(123)}`])('%s', async (password) => {
    expect(await sample.directory.setPassword(await sample.find('odd.comma'), Secret.fromText(password), nothing, always)).toEqual({
      kind: 'done',
    })
    expect(sample.server.control.verifyPassword('odd.comma', password)).toBe(true)
  })

  test('everybody in scope, once each', async () => {
    const inScope = sample.server.forest.users.filter(({ traits }) => !traits.includes('outOfScope') && !traits.includes('protected'))
    for (const { sam } of inScope) {
      expect(await sample.directory.setPassword(await sample.find(sam), Secret.fromText(fine), nothing, always), sam).toEqual({
        kind: 'done',
      })
      expect(sample.server.control.user(sam).passwordWrites).toBe(1)
    }
  })

  test('lifts the lock-out if asked, and only then', async () => {
    const frank = await sample.find('frank.locked')
    await sample.directory.setPassword(frank, Secret.fromText(fine), nothing, always)
    expect(sample.server.control.user('frank.locked').locked).toBe(true)
    await sample.directory.setPassword(frank, Secret.fromText(`${fine}8`), { unlock: true, mustChange: false }, always)
    expect(sample.server.control.user('frank.locked').locked).toBe(false)
  })

  test('demands a change at the next sign-in', async () => {
    const extras = { unlock: true, mustChange: true }
    expect(await sample.directory.setPassword(await sample.find('frank.locked'), Secret.fromText(fine), extras, always)).toEqual({
      kind: 'done',
    })
    expect(sample.server.control.user('frank.locked')).toMatchObject({ locked: false, mustChange: true, passwordWrites: 1 })
  })

  test('says when the password is set and "must change" is refused', async () => {
    const { dn, scope } = sample.server.forest.serviceAccount
    sample.server.control.revoke(dn)
    sample.server.control.grant(dn, scope, ['resetPassword'])
    const result = await sample.directory.setPassword(
      await sample.find('bob.brown'),
      Secret.fromText(fine),
      { unlock: false, mustChange: true },
      always,
    )
    expect(result).toEqual({ kind: 'done', extrasRefused: { ldapCode: 50, hex: '00002098' } })
    expect(sample.server.control.verifyPassword('bob.brown', fine)).toBe(true)
  })

  test('writes nothing when it may not begin any more', async () => {
    const alice = await sample.find('alice.adams')
    expect(await sample.directory.setPassword(alice, Secret.fromText(fine), { unlock: true, mustChange: true }, () => false)).toEqual({
      kind: 'notBegun',
    })
    expect(await sample.directory.finish(alice, { unlock: true, mustChange: true }, () => false)).toEqual({ kind: 'notBegun' })
    expect(sample.server.control.user('alice.adams')).toMatchObject({ passwordWrites: 0, mustChange: false })
  })

  test('the extras alone, as often as wanted', async () => {
    const frank = await sample.find('frank.locked')
    for (const _ of [1, 2]) expect(await sample.directory.finish(frank, { unlock: true, mustChange: true })).toEqual({ kind: 'done' })
    expect(sample.server.control.user('frank.locked')).toMatchObject({ locked: false, mustChange: true, passwordWrites: 0 })
    expect(await sample.directory.finish(frank, nothing)).toEqual({ kind: 'done' })
  })
})
