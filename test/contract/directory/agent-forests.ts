/** The product's own directory client over both forests, under one rule each unless a test says otherwise. */
import { type Directory, openDirectory } from '../../../agent/directory/directory.ts'
import { temporaryLinks } from '../../../agent/directory/one-domain.fixture.ts'
import type { Rule } from '../../../agent/lookup/rules.ts'
import { decisions } from '../../../agent/redelivery.ts'
import type { ResetJob } from '../../../agent/reset.ts'
import { systemClock } from '../../../shared/clock.ts'
import type { Log } from '../../../shared/log.ts'
import type { Request } from '../../../shared/payload.ts'
import { Secret } from '../../../shared/secret.ts'
import type { Forests } from './forests.ts'
import type { Lab } from './lab.ts'

export type ForestName = 'corp' | 'north'

export const ruleOn = (forests: Forests, forest: ForestName, over: Partial<Rule> = {}): Rule => ({
  name: `${forest} people`,
  forest,
  baseDn: forests[forest].baseDn,
  anchor: 'mS-DS-ConsistencyGuid',
  precedence: forest === 'corp' ? 100 : 200,
  enabled: true,
  ...over,
})

export const bothRules = (forests: Forests): Rule[] => [ruleOn(forests, 'corp'), ruleOn(forests, 'north')]

const domainOf = ({ hostName }: Lab) => hostName.split('.').slice(1).join('.')

/** The stand-in's domains do not know each other's accounts: the child domain has a service account of its own. */
export function openForests(forests: Forests, rules = bothRules(forests), log: Log = () => undefined): Directory {
  const settingsOf = (name: string, lab: Lab) => ({
    name,
    domains: [{ name: domainOf(lab), servers: [`ldaps://${lab.hostName}`] }],
    addresses: { [lab.hostName]: new URL(lab.url).host },
    controllers: 'pdcEmulator' as const,
    ca: lab.ca,
    bindDn: lab.serviceAccount.dn,
    bindPassword: Secret.fromText(lab.serviceAccount.password),
  })
  const settings = {
    forests: [
      settingsOf('corp', forests.corp),
      settingsOf('north', forests.north),
      ...(forests.emea ? [settingsOf('emea', forests.emea)] : []),
    ],
    rules,
    ldapMs: 8_000,
  }
  return openDirectory(settings, { clock: systemClock, log, links: temporaryLinks(rules, systemClock) })
}

/** A first delivery of a request that has just arrived. */
export function firstJob(request: Partial<Request>, passwords: { password: string; oldPassword?: string }): ResetJob {
  const { password, oldPassword } = passwords
  return {
    request: { operation: 'reset', actor: 'self', issuedAt: 0, startWithinMs: 14_000, flags: 1, ...request },
    decisions,
    openPasswords: async () => ({
      fresh: Secret.fromText(password),
      ...(oldPassword !== undefined && { old: Secret.fromText(oldPassword) }),
    }),
    confirm: async () => {},
    again: false,
    othersHadIt: false,
    begun: undefined,
    ageMs: () => 0,
    mayBegin: () => true,
    admit: () => true,
    begin: () => {},
    mark: () => {},
    refused: () => {},
  }
}
