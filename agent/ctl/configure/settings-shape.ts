/** Edits that know what settings look like: settings that exclude each other, the domains of a forest, their servers. Pure. */
import { insteadOf } from './questions.ts'
import { isJson, itemNamed, type Json, withItem, withValue } from './settings-edit.ts'

/** One of two that exclude each other takes the other's place. */
export function withSingle(settings: Json, key: string, value: unknown): Json {
  const other = insteadOf[key]
  return withValue(other === undefined || value === undefined ? settings : withValue(settings, other, undefined), key, value)
}

export const domainsOf = (settings: Json, forest: string): readonly Json[] => {
  const { domains } = itemNamed(settings, 'forests', forest)
  return Array.isArray(domains) ? domains.filter(isJson) : []
}

export function serversOf(settings: Json, forest: string, domain: string): string[] {
  const servers = domainsOf(settings, forest).find(({ name }) => name === domain)?.['servers']
  return Array.isArray(servers) ? servers.map(String) : []
}

export function withDomain(settings: Json, forest: string, name: string, servers: readonly string[]): Json {
  const domains = domainsOf(settings, forest)
  const known = domains.some((domain) => domain['name'] === name)
  const edited = domains.map((domain) => (domain['name'] === name ? { ...domain, servers } : domain))
  return withItem(settings, 'forests', forest, { domains: known ? edited : [...domains, { name, servers }] })
}

/** Text: why it is refused. */
export function parseAddress(pair: string): readonly [host: string, address: string] | string {
  const [, host, address] = /^([^=\s]+)=(\S+)$/.exec(pair) ?? []
  return host === undefined || address === undefined ? 'must be HOST=IP or HOST=IP:PORT' : [host, address]
}

export const addressesOf = (settings: Json, forest: string): Json => {
  const { addresses } = itemNamed(settings, 'forests', forest)
  return isJson(addresses) ? addresses : {}
}

export const withAddress = (settings: Json, forest: string, [host, address]: readonly [string, string]): Json =>
  withItem(settings, 'forests', forest, { addresses: { ...addressesOf(settings, forest), [host]: address } })
