/** Settings in words: "View current configuration" and "Ready to configure". Secrets stand in files, and only these are named. */
import { leaves } from '../../settings.ts'
import { isJson, itemsOf, type Json, valueAt } from './settings-edit.ts'
import { addressesOf, domainsOf } from './settings-shape.ts'

export function describe(settings: Json): string[] {
  const singles = [...leaves().keys()].flatMap((key) => {
    const value = valueAt(settings, key)
    return value === undefined ? [] : [line(key, value)]
  })
  return [
    ...singles,
    ...itemsOf(settings, 'forests').flatMap((forest) => ['', `Forest ${printable(forest['name'])}`, ...describeForest(settings, forest)]),
    ...itemsOf(settings, 'rules').flatMap((rule) => ['', `Rule ${printable(rule['name'])}`, ...fields(rule, ['name'])]),
  ]
}

const describeForest = (settings: Json, forest: Json): string[] => [
  ...domainsOf(settings, String(forest['name'])).map(({ name, servers }) => line(`  ${printable(name)}`, servers)),
  line('  service account', forest['bindDn'] ?? 'none yet'),
  ...fields(forest, ['name', 'domains', 'bindDn', 'addresses']),
  ...Object.entries(addressesOf(settings, String(forest['name']))).map(([host, address]) => line(`  ${printable(host)}`, address)),
]

const fields = (item: Json, but: readonly string[]): string[] =>
  Object.entries(item).flatMap(([name, value]) => (but.includes(name) || value === undefined ? [] : [line(`  ${printable(name)}`, value)]))

const line = (name: string, value: unknown): string => `${name.padEnd(28)}${printable(value)}`

/** What a file holds may be anything; a terminal obeys what is not printable. */
function printable(value: unknown): string {
  const text = Array.isArray(value) ? value.join(', ') : isJson(value) ? JSON.stringify(value) : String(value)
  return text.replaceAll(/\p{Cc}/gu, '?')
}
