import { InsufficientAccessError, InvalidCredentialsError, NoResultError, UnwillingToPerformError } from 'ldapts'
import { describe, expect, test } from 'vitest'
import { causeOf, refusalOf, refusals } from './refusal.ts'

describe('what is kept of an answer', () => {
  test('code and hex digits, never the text', () => {
    const text = '0000052d: Constraint violation - check_password_restrictions: the password of CN=Ada is too short'
    expect(refusalOf(new UnwillingToPerformError(text))).toEqual({ ldapCode: 53, hex: '0000052D' })
  })

  test('a refused bind also has its data, as Windows and as Samba write it', () => {
    const windows = '80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 52e, v4563'
    const samba = '80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 0000052E, v1db1'
    expect(refusalOf(new InvalidCredentialsError(windows))).toEqual({ ldapCode: 49, hex: '80090308', bindData: '52e' })
    expect(refusalOf(new InvalidCredentialsError(samba))).toEqual({ ldapCode: 49, hex: '80090308', bindData: '52e' })
  })

  test('no digits', () => {
    expect(refusalOf(new InsufficientAccessError('access denied'))).toEqual({ ldapCode: 50 })
  })

  test('what is no answer is no refusal', () => {
    expect(refusalOf(new NoResultError())).toBeUndefined()
    expect(refusalOf(new Error('Socket error'))).toBeUndefined()
    expect(refusalOf(undefined)).toBeUndefined()
  })
})

describe('what a refused write means', () => {
  test.each(refusals)('$ldapCode $hex: $cause ($why)', ({ ldapCode, hex, cause }) => {
    expect(causeOf({ ldapCode, ...(hex && { hex }) })).toBe(cause)
  })

  test.each([
    ['the control is not supported', { ldapCode: 12 }],
    ['encryption required', { ldapCode: 53, hex: '0000001F' }],
    ['a code nobody has listed', { ldapCode: 71, hex: '00002077' }],
    ['a known code with unlisted digits', { ldapCode: 19, hex: '00002082' }],
  ])('%s: a set-up problem, nothing was written', (_, refusal) => {
    expect(causeOf(refusal)).toBe('permissionDenied')
  })
})
