import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { codeOfStep as codeAt } from './test-codes.ts'
import { newTotpSecret, totpStep, totpUri, typedSecret } from './totp.ts'

/** RFC 6238 appendix B, SHA-1, its last six digits. */
const theirs = Buffer.from('12345678901234567890')

describe('a code', () => {
  it.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ])('of RFC 6238 at %d is %s', (second, code) => {
    expect(totpStep(theirs, code, second * 1000, 0)).toBe(Math.floor(second / 30))
  })

  it('is good in its own step, the one before and the one after, and in no other', () => {
    const secrets = fc.uint8Array({ minLength: 20, maxLength: 20 })
    const steps = fc.integer({ min: 10, max: 2 ** 31 })
    fc.assert(
      fc.property(secrets, steps, fc.integer({ min: -3, max: 3 }), fc.integer({ min: 0, max: 29_999 }), (secret, step, off, ms) => {
        const near = [step - 1, step, step + 1].map((each) => codeAt(secret, each))
        const code = codeAt(secret, step + off)
        const found = totpStep(secret, code, step * 30_000 + ms, 0)
        if (Math.abs(off) <= 1) expect(found).toBe(step - 1 + near.indexOf(code))
        else expect(found !== undefined).toBe(near.includes(code))
      }),
    )
  })

  it('is not good again, nor is one before it', () => {
    const at = 1_000 * 30_000
    expect(totpStep(theirs, codeAt(theirs, 1_000), at, 999)).toBe(1_000)
    expect(totpStep(theirs, codeAt(theirs, 1_000), at, 1_000)).toBeUndefined()
    expect(totpStep(theirs, codeAt(theirs, 999), at, 1_000)).toBeUndefined()
    expect(totpStep(theirs, codeAt(theirs, 1_001), at, 1_000)).toBe(1_001)
    expect(totpStep(theirs, codeAt(theirs, 1_001), at, 5_000)).toBeUndefined()
  })

  it.each(['', '28708', '2870822', ' 287082', '28708２', '-87082', '2e7082', '287082\n'])('is not %j', (code) => {
    expect(totpStep(theirs, code, 59_000, 0)).toBeUndefined()
  })
})

describe('a secret', () => {
  it('has 160 bits and is shown as apps take it', () => {
    expect(newTotpSecret()).toHaveLength(20)
    expect(newTotpSecret()).not.toEqual(newTotpSecret())
    expect(typedSecret(theirs)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
    const uri = new URL(totpUri(theirs, 'corp.example.test', 'Password reset'))
    expect([uri.protocol, uri.host, decodeURIComponent(uri.pathname)]).toEqual(['otpauth:', 'totp', '/corp.example.test:Password reset'])
    expect(Object.fromEntries(uri.searchParams)).toMatchObject({ secret: typedSecret(theirs), issuer: 'corp.example.test' })
  })
})
