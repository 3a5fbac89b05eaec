/**
 * LDAP results as Active Directory words them: a code (RFC 4511 §4.1.9) and a text that starts with eight hex digits, a
 * Windows error ([MS-ERREF] 2.2) which says more than the code. Clients key on those two; the rest of the text is for people.
 *
 * Measured against Samba 4.24 and, where that differs, written as Windows Server documents it ([MS-ADTS] 3.1.1.3.1.5).
 */

export interface Result {
  code: number
  text: string
  /** With code 10: where to ask instead (RFC 4511 §4.1.10). */
  referral?: string
}

export const code = {
  success: 0,
  operationsError: 1,
  protocolError: 2,
  sizeLimitExceeded: 4,
  compareFalse: 5,
  compareTrue: 6,
  authMethodNotSupported: 7,
  referral: 10,
  unavailableCriticalExtension: 12,
  noSuchAttribute: 16,
  constraintViolation: 19,
  attributeOrValueExists: 20,
  invalidAttributeSyntax: 21,
  noSuchObject: 32,
  invalidDnSyntax: 34,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  busy: 51,
  unavailable: 52,
  unwillingToPerform: 53,
  objectClassViolation: 65,
  notAllowedOnNonLeaf: 66,
  notAllowedOnRdn: 67,
  entryAlreadyExists: 68,
  other: 80,
} as const

export const success: Result = { code: code.success, text: '' }

const refusal = (ldap: number, windowsError: string, text: string): Result => ({ code: ldap, text: `${windowsError}: ${text}` })

/** Why a new password is refused; the text names the rule as Samba does (Windows does not say which). */
export type PasswordRule = 'length' | 'complexity' | 'history' | 'minAge' | 'filter'

const ruleTexts: Record<PasswordRule, string> = {
  length: 'the password is too short',
  complexity: 'the password does not meet the complexity criteria',
  history: 'the password was already used (in history)',
  minAge: 'password is too young to change',
  filter: 'the password was rejected by the password filter',
}

/** ERROR_PASSWORD_RESTRICTION. A change breaks a constraint of the attribute, a reset is not performed. */
export const passwordRestriction = (rule: PasswordRule, kind: 'reset' | 'change'): Result =>
  refusal(kind === 'reset' ? code.unwillingToPerform : code.constraintViolation, '0000052D', ruleTexts[rule])

/**
 * The `data` of a failed bind, a Windows logon error in hex: 52e wrong name or password, 530 outside the logon hours,
 * 532 password expired, 533 disabled, 701 account expired, 773 must change the password, 775 locked.
 */
export type LogonError = '52e' | '530' | '532' | '533' | '701' | '773' | '775'

export const logonFailure = (data: LogonError): Result =>
  refusal(code.invalidCredentials, '80090308', `LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data ${data}, v4563`)

export const refusals = {
  notAuthenticated: refusal(code.operationsError, '00002020', 'operation unavailable without authentication'),
  baseSearchOnly: refusal(code.operationsError, '00002120', 'cannot provide this attribute, this is not a base search'),
  unsupportedVersion: refusal(code.protocolError, '0000203D', 'only LDAP version 3 is spoken here'),
  unknownRequest: refusal(code.protocolError, '0000203D', 'unknown or malformed request'),
  saslNotSupported: refusal(code.authMethodNotSupported, '00002027', 'only simple binds are answered'),
  unknownControl: refusal(code.unavailableCriticalExtension, '00000057', 'a critical control is not supported'),
  sizeLimit: { code: code.sizeLimitExceeded, text: '' },
  badCookie: refusal(code.unwillingToPerform, '00000057', 'the paging cookie is not one of this connection'),
  parentNotFound: refusal(code.other, '00002095', 'the new parent does not exist'),
  ownDescendant: refusal(code.unwillingToPerform, '00002035', 'the object cannot be moved below itself'),
  noSuchObject: refusal(code.noSuchObject, '00002030', 'no such object'),
  memberNotFound: refusal(code.noSuchObject, '00000525', 'the specified member does not exist'),
  badName: refusal(code.invalidDnSyntax, '00002032', 'the name is no distinguished name'),
  /** "User cannot change password": the digits are those reported of Windows; Samba gives none. */
  mayNotChange: refusal(code.constraintViolation, '00000005', 'the password may not be changed by the user'),
  accessDenied: refusal(code.insufficientAccessRights, '00002098', 'insufficient access rights'),
  clearPort: refusal(code.unwillingToPerform, '0000001F', 'passwords are only set on an encrypted connection'),
  malformedPassword: refusal(
    code.unwillingToPerform,
    '00002035',
    'the password must be quoted UTF-16LE and given as one reset or one change',
  ),
  wrongPassword: refusal(code.constraintViolation, '00000056', 'the old password specified does not match'),
  changeWhileLocked: refusal(code.constraintViolation, '00000775', 'password change not permitted, account locked out'),
  noPasswordHere: refusal(code.objectClassViolation, '0000207D', 'this class of object has no password'),
  unknownAttribute: refusal(code.noSuchAttribute, '00000057', 'the attribute is not in the schema'),
  noSuchValue: refusal(code.noSuchAttribute, '00002085', 'there is no such attribute or value to delete'),
  valueExists: refusal(code.attributeOrValueExists, '0000200D', 'the attribute has a value already'),
  emptyValue: refusal(code.invalidAttributeSyntax, '00000057', 'a value is empty or not of the attribute’s syntax'),
  alreadyMember: refusal(code.entryAlreadyExists, '00000562', 'the object is a member already'),
  systemOnly: refusal(code.constraintViolation, '0000202F', 'the attribute is written by the system only'),
  rdnAttribute: refusal(code.notAllowedOnRdn, '00002016', 'the naming attribute is changed by a rename only'),
  pwdLastSet: refusal(code.other, '00000057', 'pwdLastSet must be 0 or -1 only'),
  pwdLastSetDelete: refusal(code.unwillingToPerform, '00002077', 'pwdLastSet cannot be deleted'),
  badDescriptor: refusal(code.operationsError, '00002020', 'the value is no security descriptor'),
  descriptorDelete: refusal(code.unwillingToPerform, '00002035', 'a security descriptor cannot be deleted'),
  nameTaken: refusal(code.entryAlreadyExists, '00002071', 'an object with this name exists already'),
  noClass: refusal(code.objectClassViolation, '00002014', 'no known object class specified'),
  notLeaf: refusal(code.notAllowedOnNonLeaf, '00002015', 'the object has children'),
  extendedUnknown: refusal(code.protocolError, '0000203D', 'unknown extended request'),
  busy: refusal(code.busy, '0000200E', 'SvcErr: problem 5001 (BUSY), data 0'),
  unavailable: refusal(code.unavailable, '0000200F', 'SvcErr: problem 5002 (UNAVAILABLE), data 0'),
} as const satisfies Record<string, Result>
