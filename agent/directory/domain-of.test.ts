import { afterEach, expect, test } from 'vitest'
import { Secret } from '../../shared/secret.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { type Directory, openDirectory } from './directory.ts'
import { ruleFor, temporaryLinks } from './one-domain.fixture.ts'

let opened: Directory | undefined
afterEach(() => opened?.close())

/** Of domains that nobody connects to. */
function open(...names: string[]) {
  const clock = virtualClock()
  const shared = { addresses: {}, controllers: 'pdcEmulator', bindDn: 'svc@corp.example.test', bindPassword: Secret.fromText('x') } as const
  const forests = [{ ...shared, name: 'corp', domains: names.map((name) => ({ name, servers: [`ldaps://dc1.${name}`] })) }]
  const rules = names.map((name) => ruleFor(`OU=People,DC=${name.replaceAll('.', ',DC=')}`, { name }))
  const links = temporaryLinks(rules, clock)
  opened = openDirectory({ forests, rules, ldapMs: 1_000 }, { clock, log: () => {}, links })
  return { directory: opened, links }
}

test('of one domain, everybody is in it', () => {
  expect(open('corp.example.test').directory.domainOf('AAAA')).toBe('corp.example.test')
})

test('of several, who is linked is in the domain of the rule; who is not is in none that is known', () => {
  const { directory, links } = open('corp.example.test', 'North.example.test')
  expect(directory.domainOf('AAAA')).toBeUndefined()
  links.keep({ sourceAnchor: 'AAAA', cloudAnchor: undefined, rule: 'North.example.test', guid: Buffer.alloc(16) })
  expect(directory.domainOf('AAAA')).toBe('north.example.test')
})
