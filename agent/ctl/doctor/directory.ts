/** All forests, then all rules; forests at the same time, the domains of one after another, for they share an account. */
import type { Clock } from '../../../shared/clock.ts'
import type { Connection } from '../../directory/connection.ts'
import type { DirectorySettings, ForestSettings } from '../../directory/directory.ts'
import { domainOfRule, type Rule } from '../../lookup/rules.ts'
import { type Finding, skipped } from './checks.ts'
import { checkDomain } from './domain.ts'
import { checkRule, checkServiceAccount } from './rules.ts'

export interface DirectoryDeps {
  clock: Clock
  /** People of each rule. */
  sample: number
}

export async function checkDirectory({ forests, rules, ldapMs }: DirectorySettings, { clock, sample }: DirectoryDeps): Promise<Finding[]> {
  const examined = await Promise.all(
    forests.map((forest) => {
      const own = rules.filter((rule) => rule.forest === forest.name)
      return checkForest(forest, own, { clock, limitMs: ldapMs, sample })
    }),
  )
  return examined.flat()
}

async function checkForest(
  forest: ForestSettings,
  rules: readonly Rule[],
  { sample, ...deps }: DirectoryDeps & { limitMs: number },
): Promise<Finding[]> {
  const findings: Finding[] = []
  const opened: Connection[] = []
  const connections = new Map<string, Connection>()
  const account = { refused: false }
  try {
    for (const domain of forest.domains) {
      const result = await checkDomain(forest, domain, { ...deps, account })
      findings.push(...result.findings)
      opened.push(...result.opened)
      if (result.connection) connections.set(domain.name.toLowerCase(), result.connection)
    }
    return [...findings, ...(await checkScope(forest, rules, connections, sample))]
  } finally {
    for (const connection of opened) connection.reset()
  }
}

async function checkScope(
  forest: ForestSettings,
  rules: readonly Rule[],
  connections: ReadonlyMap<string, Connection>,
  sample: number,
): Promise<Finding[]> {
  const home = connections.get(domainOfRule({ baseDn: forest.bindDn })) ?? [...connections.values()][0]
  const [own, sids] = home
    ? await checkServiceAccount(home, forest.name, forest.bindDn)
    : [skipped('service-account', forest.name, 'no controller could be asked'), []]
  const perRule = await Promise.all(rules.map((rule) => checkRule(connections.get(domainOfRule(rule)), rule, sids, sample)))
  return [own, ...perRule.flat()]
}
