/**
 * For tests only: a directory of one domain under one rule, told in one flat list of settings, with links in a file that is
 * gone when the directory is closed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../shared/clock.ts'
import type { Log } from '../../shared/log.ts'
import { openLinks } from '../lookup/links.ts'
import { fingerprintOf, type Rule } from '../lookup/rules.ts'
import { type Directory, openDirectory } from './directory.ts'
import type { DomainSettings } from './domain.ts'

export interface OneDomain extends Omit<DomainSettings, 'controllers'> {
  controllers?: DomainSettings['controllers']
  baseDn: string
}

export const ruleFor = (baseDn: string, over: Partial<Rule> = {}): Rule => ({
  name: 'everybody',
  forest: 'corp',
  baseDn,
  anchor: 'mS-DS-ConsistencyGuid',
  precedence: 100,
  enabled: true,
  ...over,
})

export function temporaryLinks(rules: readonly Rule[], clock: Clock) {
  const folder = mkdtempSync(join(tmpdir(), 'links-'))
  const links = openLinks({ file: join(folder, 'links.sqlite'), fingerprint: fingerprintOf(rules), now: () => clock.now() })
  const close = () => {
    links.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { ...links, close }
}

export function openOneDomain(
  { domain, servers, baseDn, ldapMs, controllers = 'pdcEmulator', ...forest }: OneDomain,
  deps: { clock: Clock; log: Log },
): Directory {
  const rules = [ruleFor(baseDn)]
  const forests = [{ ...forest, controllers, name: 'corp', domains: [{ name: domain, servers }] }]
  return openDirectory({ forests, rules, ldapMs }, { ...deps, links: temporaryLinks(rules, deps.clock) })
}
