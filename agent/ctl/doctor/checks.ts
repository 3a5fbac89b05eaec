/**
 * Every check of `agentctl doctor`, as data: what it proves, and what to do when it fails. Identifiers are stable: scripts and
 * docs/operating.md name them.
 *
 * A finding is one line. `skipped` says that nothing is known, because another check failed first; it is no failure of its own.
 */

export const checks = {
  settings: { proves: 'the settings can be used', todo: 'correct each line; docs/operating.md, Settings' },
  dns: {
    proves: 'the name of a domain controller resolves',
    todo: 'correct the name in "servers", have DNS know it, or put its address into "addresses"',
  },
  port: {
    proves: 'it answers there, and speaks TLS 1.2 or later',
    todo: 'is it up, is LDAPS switched on (port 636), does a firewall stand between?',
  },
  'certificate-chain': {
    proves: 'its certificate was issued by an authority that is trusted',
    todo: 'put the PEM of the authority that issued it into "caFile" (or into the trusted authorities of this machine)',
  },
  'certificate-name': {
    proves: 'the certificate is for the name it was reached by',
    todo: 'name the controller in "servers" as its certificate does, or issue one with its dNSHostName',
  },
  'certificate-expiry': { proves: 'the certificate is valid now and for 30 days more', todo: 'renew the certificate of this controller' },
  bind: {
    proves: 'the service account may sign in',
    todo: 'correct "bindDn" and its password file; each further attempt counts towards a lock-out',
  },
  domain: { proves: 'the controller belongs to the domain it is named for', todo: 'correct "domains": name and servers belong together' },
  'service-account': {
    proves: 'the service account is none of the protected accounts',
    todo: 'take it out of every privileged group: the four permissions are all it needs',
  },
  'pdc-emulator': {
    proves: 'the PDC emulator is found, and everything above holds for it',
    todo: 'make the holder of the role reachable by its dNSHostName, or move the role; "controllers": "anyWritable" serves meanwhile',
  },
  'policy-hints': {
    proves: 'the controller knows the policy-hints control: a reset keeps to password history',
    todo: 'update the controller (Windows Server 2012 or later, Samba after 4.17)',
  },
  'clock-directory': { proves: 'its clock and this one differ by 60 s at most', todo: 'have both synchronize their time' },
  'rule-base': { proves: 'the base of a rule is there and may be read', todo: 'correct "baseDn" of the rule' },
  rights: {
    proves: 'the four permissions are inherited from the base of a rule',
    todo: 'agentctl grant --apply, or narrow "baseDn" to where they were granted; granted within the hour? wait',
  },
  'rights-people': {
    proves: 'a sample of people has not less of them than the base gives',
    todo: 'look for denials and for what was granted on units below; granted within the hour? wait',
  },
  inheritance: {
    proves: 'none of the sample has inheritance blocked without need',
    todo: 'enable inheritance on these objects (Security, Advanced), or grant there as well',
  },
  'admin-count': {
    proves: 'nobody of the sample is marked as protected and is not: such a password is never set',
    todo: 'clear adminCount and enable inheritance on these objects',
  },
  token: { proves: 'the agent gets tokens', todo: 'clientId, certificate or secret of the agent, and its Entra application' },
  certificate: {
    proves: 'the certificate of the agent opens, and is good for 30 days more',
    todo: 'agentctl enrol --renew, and have it registered',
  },
  renewal: {
    proves: 'the agent can renew it: Graph shows its application, and the folder can be written',
    todo: 'look for certificateNotRenewed in its log; at the latest before it expires: agentctl enrol --renew',
  },
  listen: {
    proves: 'the agent may receive from `requests`',
    todo: 'give its identity (or SAS rule) Listen on this queue; granted within the hour? wait',
  },
  send: {
    proves: 'the agent may send to `replies` and `events`',
    todo: 'give its identity (or SAS rule) Send on this queue; granted within the hour? wait',
  },
  'package-key': {
    proves: 'the agent reads the package key',
    todo: 'give its identity get and list on the secret package-key; granted within the hour? wait',
  },
  'password-key': {
    proves: 'the agent decrypts a probe with the password key',
    todo: 'give its identity get, list and decrypt on the key password-key; granted within the hour? wait',
  },
  'clock-cloud': { proves: 'the clock of Azure and this one differ by 60 s at most', todo: 'have this machine synchronize its time' },
} as const satisfies Readonly<Record<string, Advice>>

/** Of `doctor USER`. */
export const personChecks = {
  person: { proves: 'who is meant: exactly one account', todo: 'give the name in another form: UPN, sAMAccountName, DN or source anchor' },
  'person-read': {
    proves: 'what decides about it can be read',
    todo: 'enable inheritance on this object, or give the service account Read on it',
  },
  'person-rule': {
    proves: 'an enabled rule holds the account, and its source anchor leads to it',
    todo: 'compare with the rules of the tool that synchronizes people into Entra ID',
  },
  'person-protected': { proves: 'it is no protected account', todo: 'an administrator sets this password on-premises' },
  'person-disabled': { proves: 'it is not disabled', todo: 'enable it' },
  'person-expired': { proves: 'it has not expired', todo: 'set another end (accountExpires)' },
  'person-smart-card': { proves: 'it needs no smart card to sign in', todo: 'its password is not set this way' },
  'person-locked': { proves: 'it is not locked out', todo: 'nothing: a reset unlocks it' },
  'person-minimum-age': { proves: 'its password is old enough to be set', todo: 'wait, or lower the minimum age' },
  'person-rights': {
    proves: 'the service account has the four permissions on this very object',
    todo: 'agentctl grant --apply, or enable inheritance on this object; granted within the hour? wait',
  },
  'person-policy': {
    proves: 'the rules for its password can be read',
    todo: 'agentctl grant --fine-grained-policies, so that people are told which rule a password breaks',
  },
} as const satisfies Readonly<Record<string, Advice>>

export interface Advice {
  proves: string
  todo: string
}

export type CheckId = keyof typeof checks | keyof typeof personChecks

export interface Finding {
  check: CheckId
  /** Which controller, rule, queue: what an administrator wrote into the settings, or typed. */
  about: string
  state: 'passed' | 'warning' | 'failed' | 'skipped'
  text: string
  /** With `warning` and `failed`. */
  todo?: string
}

const all: Readonly<Record<CheckId, Advice>> = { ...checks, ...personChecks }

export const passed = (check: CheckId, about: string, text: string): Finding => ({ check, about, state: 'passed', text })
export const failed = (check: CheckId, about: string, text: string, todo: string = all[check].todo): Finding => {
  return { check, about, state: 'failed', text, todo }
}
export const warned = (check: CheckId, about: string, text: string, todo?: string): Finding => {
  return { ...failed(check, about, text, todo), state: 'warning' }
}
export const skipped = (check: CheckId, about: string, why: string): Finding => ({ check, about, state: 'skipped', text: why })

export const isFailed = ({ state }: Finding): boolean => state === 'failed'
