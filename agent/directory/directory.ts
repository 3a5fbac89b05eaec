/**
 * All domains of all forests as one directory: who is meant (agent/lookup), and then whatever is asked or done, in the
 * domain the account is in.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Log } from '../../shared/log.ts'
import type { AgentOutcome } from '../../shared/outcome-code.ts'
import type { Secret } from '../../shared/secret.ts'
import { find, type Located } from '../lookup/find.ts'
import type { Links } from '../lookup/links.ts'
import { domainOfRule, type Rule } from '../lookup/rules.ts'
import { consistencyGuid, type User } from './account.ts'
import { type Domain, type DomainFacts, type DomainSettings, openDomain } from './domain.ts'
import { causeOf, type Refusal } from './refusal.ts'
import type { Extras, SetResult } from './set-password.ts'

export type { Extras, Refusal, SetResult, User }

export interface ForestSettings extends Omit<DomainSettings, 'domain' | 'servers' | 'ldapMs'> {
  name: string
  /** `name`: DNS name. */
  domains: readonly { name: string; servers: readonly string[] }[]
}

export interface DirectorySettings {
  forests: readonly ForestSettings[]
  rules: readonly Rule[]
  ldapMs: number
}

/** What is done with a user is done in the user's domain; see Domain. */
export interface Directory extends Omit<Domain, 'read' | 'search' | 'facts'> {
  /** `cloudAnchor`: 16 bytes. */
  locate(sourceAnchor: string, cloudAnchor?: Buffer): Promise<Located>
  /** In which domain the account is, as far as that is known without asking. */
  domainOf(sourceAnchor: string): string | undefined
  /** What a refused write means that carried no password. */
  explain(refusal: Refusal): AgentOutcome
  /** An account wherever it is by now, whoever is linked to it. Undefined: it is gone. */
  account(of: Pick<User, 'domain' | 'guid'>): Promise<User | undefined>
  /** For the heartbeat: asks every domain, never throws. */
  facts(): Promise<DomainFacts[]>
}

const anyView = { anchor: consistencyGuid }

export interface DirectoryDeps {
  clock: Clock
  log: Log
  links: Links
}

export function openDirectory({ forests, rules, ldapMs }: DirectorySettings, { clock, log, links }: DirectoryDeps): Directory {
  const opened = forests.flatMap(({ name: _, domains, ...shared }) =>
    domains.map(
      ({ name, servers }) => [name.toLowerCase(), openDomain({ ...shared, domain: name, servers, ldapMs }, { clock, log })] as const,
    ),
  )
  const domains = new Map(opened)
  const of = ({ domain }: User): Domain => {
    const found = domains.get(domain)
    if (!found) throw new TypeError('a user of no domain')
    return found
  }
  return {
    locate: (sourceAnchor, cloudAnchor) => find(sourceAnchor, cloudAnchor, { rules, domains, links }),
    domainOf(sourceAnchor) {
      const [only, ...more] = domains.keys()
      if (more.length === 0) return only
      const link = links.find(sourceAnchor)
      const rule = rules.find(({ name }) => name === link?.rule)
      return rule && domainOfRule(rule)
    },
    explain(refusal) {
      const cause = causeOf(refusal)
      return { kind: cause === 'passwordPolicy' ? 'permissionDenied' : cause }
    },
    account: async ({ domain, guid }) => domains.get(domain)?.read(guid, anyView),
    eligibility: (user) => of(user).eligibility(user),
    setPassword: (user, password, extras, mayBegin) => of(user).setPassword(user, password, extras, mayBegin),
    changePassword: (user, passwords, extras, mayBegin) => of(user).changePassword(user, passwords, extras, mayBegin),
    nearLockOut: (user) => of(user).nearLockOut(user),
    finish: (user, extras, mayBegin) => of(user).finish(user, extras, mayBegin),
    diagnose: (user, password, refusal) => of(user).diagnose(user, password, refusal),
    passwordState: (user) => of(user).passwordState(user),
    provePassword: (user, password: Secret) => of(user).provePassword(user, password),
    policy: (user) => of(user).policy(user),
    facts: () => Promise.all([...domains.values()].map((domain) => domain.facts())),
    close() {
      for (const domain of domains.values()) domain.close()
      links.close()
    },
  }
}
