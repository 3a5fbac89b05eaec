/**
 * Windows cannot run here. This is what it is documented or reported to say, in its own words, and what the product makes of it.
 *
 * Known to differ, and therefore not in the contract:
 *
 * | what                                   | Samba 4.24               | local/directory | Windows                        | the product                        |
 * |----------------------------------------|--------------------------|-----------------|--------------------------------|------------------------------------|
 * | parts of one's name in the password    | allowed                  | refused         | refused                        | names the rule, after a refusal only |
 * | rights on members of protected groups  | as on everybody          | none (adminCount) | none (AdminSDHolder)         | refuses by itself, before the write |
 * | minimum age of a reset with hints      | enforced                 | enforced        | documented for history only    | judges it by itself, before the write |
 * | hints and pwdLastSet 0 in one modify   | always too young         | always too young | not documented                | sends two                          |
 * | the previous password in a bind        | 60 minutes, if not set to 0 | never        | 60 minutes by default          | asks only after pwdLastSet moved   |
 * | more than 1,000 entries without pages  | all of them              | 1,000           | 1,000 (MaxPageSize)            | always pages                       |
 * | unknown name in a bind                 | 52e                      | 52e             | 525                            | proves nothing                     |
 * | change where it is denied to the user  | 19, no digits            | 19 00000005     | 19 00000005 (reported)         | set-up problem (makes no changes yet) |
 * | two values in one unicodePwd           | the first is taken       | refused         | refused                        | sends one                          |
 * | NUL in a password                      | taken, then unusable     | taken           | unknown                        | refused before sealing             |
 * | unencrypted port                       | bind refused, 8          | write refused, 53 0000001F | write refused, 53 0000001F | LDAPS only                     |
 * | complexity where there is a filter     | the filter alone judges  | both            | both                           | names the rule by the text         |
 * | a value that is no security descriptor | 1 00002020               | 1 00002020      | not documented                 | sends what it has read, and more |
 * | fine-grained policy, read by others    | hidden                   | hidden          | hidden                         | names no rule it cannot read       |
 */
import {
  ConstraintViolationError,
  InsufficientAccessError,
  InvalidCredentialsError,
  NoSuchObjectError,
  OperationsError,
  UnwillingToPerformError,
} from 'ldapts'
import { describe, expect, test } from 'vitest'
import { causeOf, refusalOf } from '../../../agent/directory/refusal.ts'

const attribute = (hex: string) =>
  `${hex}: AtrErr: DSID-03191083, #1:\n\t0: ${hex}: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), data 0, Att 9005a (unicodePwd)\n\0`
const unwilling = (hex: string) => `${hex}: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\0`
const denied = (hex: string) => `${hex}: SecErr: DSID-03150E49, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\0`
const unbound =
  '000004DC: LdapErr: DSID-0C0907E9, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v2580\0'
const gone =
  "0000208D: NameErr: DSID-03100238, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'OU=Staff,DC=corp,DC=example,DC=test'\n\0"
const badBind = (data: string) => `80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data ${data}, v3839\0`

describe('a write, as Windows refuses it', () => {
  test.each([
    ['a reset by policy', new UnwillingToPerformError(unwilling('0000052D')), 'passwordPolicy'],
    ['a change by policy', new ConstraintViolationError(attribute('0000052D')), 'passwordPolicy'],
    ['a wrong old password', new ConstraintViolationError(attribute('00000056')), 'wrongPassword'],
    ['a locked account', new ConstraintViolationError(attribute('00000775')), 'accountLocked'],
    ['no right to reset', new InsufficientAccessError(denied('00000005')), 'permissionDenied'],
    ['no right to an attribute', new InsufficientAccessError(denied('00002098')), 'permissionDenied'],
    ['no encryption', new UnwillingToPerformError(unwilling('0000001F')), 'permissionDenied'],
    ['no such account', new NoSuchObjectError(gone), 'userNotFound'],
    ['no bind before', new OperationsError(unbound), 'directoryUnavailable'],
  ])('%s', (_, error, cause) => {
    const refusal = refusalOf(error)
    expect(refusal && causeOf(refusal)).toBe(cause)
  })
})

test.each(['525', '52e', '530', '531', '532', '533', '701', '773', '775'])('a bind, refused with data %s', (data) => {
  expect(refusalOf(new InvalidCredentialsError(badBind(data)))).toEqual({ ldapCode: 49, hex: '80090308', bindData: data })
})
