/**
 * One line of the scope report: an account under one rule, what a request for it would come to, and why.
 *
 * The first status that holds counts, in the order in which the agent would meet it: first whether the source anchor leads to
 * this account at all, then what stands against setting its password. A minimum age, which passes, is not looked at.
 */
import type { ListedAccount } from '../directory/listing.ts'
import { domainOfRule, type Rule } from '../lookup/rules.ts'
import type { Verdict } from './scope-contest.ts'

export const statuses = {
  ruleDisabled: 'the rule is switched off (only with --all)',
  noAnchor: 'without a source anchor nothing in the cloud leads here: unlinked',
  outranked: 'another rule or another account has the source anchor',
  ambiguous: 'several accounts go by the source anchor: none of them is chosen',
  protected: 'a protected account: its password is never set from the cloud',
  disabled: 'the account is disabled',
  expired: 'the account has expired',
  smartCard: 'the account must use a smart card',
  inScope: 'its password can be reset',
} as const satisfies Record<string, string>

export type Status = keyof typeof statuses

export const columns = [
  'rule',
  'forest',
  'domain',
  'dn',
  'sAMAccountName',
  'userPrincipalName',
  'sourceAnchor',
  'status',
  'detail',
] as const

export type Line = Record<(typeof columns)[number], string> & { status: Status }

export interface Around {
  rule: Rule
  /** undefined: the rule takes no part. */
  verdict: Verdict | undefined
  /** The directory's clock, ms. */
  nowMs: number
}

export function lineOf(account: ListedAccount, around: Around): Line {
  const { rule } = around
  return {
    rule: rule.name,
    forest: rule.forest,
    domain: domainOfRule(rule),
    dn: account.dn,
    sAMAccountName: account.accountName,
    userPrincipalName: account.principalName,
    sourceAnchor: account.anchor ?? '',
    ...statusOf(account, around),
  }
}

function statusOf(account: ListedAccount, { rule, verdict, nowMs }: Around): { status: Status; detail: string } {
  if (!rule.enabled) return { status: 'ruleDisabled', detail: '' }
  if (account.anchor === undefined || verdict === undefined) return { status: 'noAnchor', detail: `${rule.anchor} is empty` }
  const lost = lostBy(verdict)
  if (lost !== undefined) return lost
  if (account.protectedBy !== undefined) return { status: 'protected', detail: account.protectedBy }
  if (account.disabled) return { status: 'disabled', detail: '' }
  const { expiresAtMs } = account
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return { status: 'expired', detail: new Date(expiresAtMs).toISOString() }
  return { status: account.smartCardRequired ? 'smartCard' : 'inScope', detail: '' }
}

function lostBy(verdict: Verdict): { status: Status; detail: string } | undefined {
  switch (verdict.kind) {
    case 'one':
      return undefined
    case 'ambiguous':
      return { status: 'ambiguous', detail: `${verdict.accounts} accounts, by ${verdict.rules.join(' and ')}` }
    case 'outranked':
      return { status: 'outranked', detail: `by ${verdict.rule}` }
    case 'notOwner':
      return { status: 'outranked', detail: 'it is the objectGUID of another account' }
  }
}
