import { expect, test } from 'vitest'
import { Fault } from '../../shared/fault.ts'
import { explain, explainRefusal, isNoSuchObject } from './explain.ts'

const tls = (code: string) =>
  new Fault('DIRECTORY_UNAVAILABLE', 'out of reach', { cause: Object.assign(new Error('text of a library'), { code }) })

test.each([
  [{ ldapCode: 49, hex: '80090308', bindData: '775' }, 'this account is locked out (LDAP 49, 80090308, data 775)'],
  [{ ldapCode: 49, bindData: '999' }, 'the server refused (LDAP 49, data 999)'],
  [{ ldapCode: 34, hex: '00002032' }, 'this is not a distinguished name (LDAP 34, 00002032)'],
  [{ ldapCode: 80 }, 'the server refused (LDAP 80)'],
])('%j', (refusal, sentence) => {
  expect(explainRefusal(refusal)).toBe(sentence)
  expect(explain(new Fault('DIRECTORY_REFUSED', 'a read was refused', { cause: refusal }))).toBe(sentence)
})

test.each([
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', '--ca-file'],
  ['CERT_HAS_EXPIRED', 'expired'],
  ['ENOTFOUND', '--address'],
])('%s', (code, part) => {
  expect(explain(tls(code))).toContain(part)
})

test('what is in no row is a word, or the fault’s own sentence; never the text of a library', () => {
  expect(explain(tls('EPIPE'))).toBe('out of reach')
  expect(explain(new TypeError('with a secret inside'))).toBe('TypeError')
  expect(explain(new Fault('INPUT_REFUSED', 'there is no account'))).toBe('there is no account')
})

test('only noSuchObject means that there is nothing', () => {
  expect(isNoSuchObject(new Fault('DIRECTORY_REFUSED', '', { cause: { ldapCode: 32 } }))).toBe(true)
  expect(isNoSuchObject(new Fault('DIRECTORY_REFUSED', '', { cause: { ldapCode: 50 } }))).toBe(false)
  expect(isNoSuchObject(new Fault('DIRECTORY_REFUSED', ''))).toBe(false)
})
