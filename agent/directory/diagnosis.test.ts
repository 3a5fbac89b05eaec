import { expect, test } from 'vitest'
import type { AgentOutcome } from '../../shared/outcome-code.ts'
import { Secret } from '../../shared/secret.ts'
import { accountFlags, type User } from './account.ts'
import { diagnose, eligibility, judge } from './diagnosis.ts'
import type { Policy } from './policy.ts'

const now = Date.UTC(2026, 10, 22, 12)
const dayMs = 86_400_000
const toFileTime = (ms: number) => BigInt(ms + 11_644_473_600_000) * 10_000n

const user: User = {
  guid: Buffer.alloc(16, 1),
  domain: 'corp.example.test',
  anchor: undefined,
  cloudObject: undefined,
  badPwdCount: 0,
  badPasswordTime: 0n,
  protected: false,
  dn: 'CN=Ada Lovelace,DC=corp,DC=example,DC=test',
  accountName: 'adal',
  displayName: 'Lovelace, Ada',
  pwdLastSet: toFileTime(now - 10 * dayMs),
  accountControl: 0x200,
  accountExpires: 0n,
  lockedOut: false,
  serverNow: now,
}
const policy: Policy = {
  minLength: 8,
  historyLength: 24,
  complexity: true,
  minAgeMs: dayMs,
  minAgeMinutes: 1440,
  lockoutThreshold: 10,
  lockoutWindowMs: 600_000,
  lockoutMinutes: 30,
}
const fresh = { pwdLastSet: toFileTime(now - 1000) }
const tooYoung: AgentOutcome = { kind: 'policy.minAge', retryAt: now - 1000 + dayMs }

const judged: [why: string, password: string, outcome: AgentOutcome, user?: Partial<User>, policy?: Partial<Policy>][] = [
  ['length comes first', 'adal', { kind: 'policy.length', minLength: 8 }, fresh],
  ['length counts UTF-16 units', '🙂🙂🙂🙂', { kind: 'policy.complexity' }],
  ['then complexity', 'lovelaceada', { kind: 'policy.complexity' }, fresh],
  ['then the account name', 'xADALx-1977', { kind: 'policy.containsName' }, fresh],
  ['or the display name', 'My-lovelace-1', { kind: 'policy.containsName' }, fresh],
  ['neither where complexity is off', 'lovelaceada', { kind: 'policy.history', historyLength: 24 }, {}, { complexity: false }],
  ['then minimum age', 'Fine-Word-77', tooYoung, fresh],
  ['no age while "must change"', 'Fine-Word-77', { kind: 'policy.history', historyLength: 24 }, { pwdLastSet: 0n }],
  ['no minimum age', 'Fine-Word-77', { kind: 'policy.history', historyLength: 24 }, fresh, { minAgeMs: 0 }],
  ['then history', 'Fine-Word-77', { kind: 'policy.history', historyLength: 24 }],
  ['then a filter', 'Fine-Word-77', { kind: 'policy.filter' }, {}, { historyLength: 0 }],
]

test.each(judged)('%s', (_, password, outcome, userPart, policyPart) => {
  expect(judge(Secret.fromText(password), { ...user, ...userPart }, { ...policy, ...policyPart })).toEqual(outcome)
})

test('no rule is named when the policy that applies cannot be read', () => {
  expect(judge(Secret.fromText('x'), user, undefined)).toEqual({ kind: 'policy.filter' })
})

test('the moment the minimum age ends is late enough', () => {
  const atTheEnd = { ...user, pwdLastSet: toFileTime(now - dayMs) }
  expect(eligibility(atTheEnd, policy)).toBeUndefined()
  expect(eligibility({ ...atTheEnd, serverNow: now - 1 }, policy)).toEqual({ kind: 'policy.minAge', retryAt: now })
})

test('only a password-policy refusal is judged', () => {
  const password = Secret.fromText('short')
  expect(diagnose(password, user, policy, { ldapCode: 53, hex: '0000052D' })).toEqual({ kind: 'policy.length', minLength: 8 })
  expect(diagnose(password, user, policy, { ldapCode: 19, hex: '0000052D' })).toEqual({ kind: 'policy.length', minLength: 8 })
  expect(diagnose(password, user, policy, { ldapCode: 50, hex: '00002098' })).toEqual({ kind: 'permissionDenied' })
  expect(diagnose(password, user, policy, { ldapCode: 80 })).toEqual({ kind: 'unknown' })
})

const refused: [why: string, user: Partial<User>, outcome: AgentOutcome | undefined][] = [
  ['nothing stands against it', {}, undefined],
  ['disabled', { accountControl: 0x200 | accountFlags.disabled }, { kind: 'accountDisabled' }],
  ['disabled and expired', { accountControl: 0x202, accountExpires: toFileTime(now - 1) }, { kind: 'accountDisabled' }],
  ['expired', { accountExpires: toFileTime(now - 1) }, { kind: 'accountExpired' }],
  ['expires tomorrow', { accountExpires: toFileTime(now + dayMs) }, undefined],
  ['never expires, as zero', { accountExpires: 0n }, undefined],
  ['never expires, as the greatest number', { accountExpires: 2n ** 63n - 1n }, undefined],
  ['smart card', { accountControl: 0x200 | accountFlags.smartCardRequired }, { kind: 'smartCardRequired' }],
  ['too young', fresh, tooYoung],
  ['must change', { pwdLastSet: 0n }, undefined],
]

test.each(refused)('before the write: %s', (_, part, outcome) => {
  expect(eligibility({ ...user, ...part }, policy)).toEqual(outcome)
})

test('minimum age is not judged by a policy that does not apply', () => {
  expect(eligibility({ ...user, ...fresh }, undefined)).toBeUndefined()
})
