/**
 * The forests an agent serves and the synchronization rules that say who is in scope: the part of the settings that the
 * directory is opened with, and what must hold between the two.
 */
import * as z from 'zod'
import { parseFilter } from './directory/account.ts'
import { parseDn } from './lookup/dn.ts'
import { domainOfRule } from './lookup/rules.ts'

const file = z.string().min(1)
const dn = z.string().refine((text) => parseDn(text) !== undefined, 'must be a distinguished name')
/** The name forms of a simple bind that name one account ([MS-ADTS] 5.1.1.1.1); across domains only the second one works. */
const bindName = z
  .string()
  .refine((text) => parseDn(text) !== undefined || /^[^@\\\s]+@[^@\\\s]+$/.test(text), 'must be a distinguished name or name@domain')
const dnsName = z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/i, 'must be a DNS name')
const word = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/, 'must be 1 to 64 letters, digits, blanks or any of . _ -')
/** Passwords travel on this connection: there is no setting that makes it clear text. */
const ldaps = z.string().regex(/^ldaps:\/\/[^/]+$/, 'must be ldaps://host[:port]; ldap:// is refused')

export const forest = z.strictObject({
  name: word,
  domains: z
    .array(
      z.strictObject({
        name: dnsName,
        /** Preferred domain controllers, in this order; the one that holds the PDC emulator role is found through them. */
        servers: z.array(ldaps).min(1),
      }),
    )
    .min(1),
  /** Whom to write to while the PDC emulator cannot be reached: nobody, or the first of `servers` that is writable. */
  controllers: z.enum(['pdcEmulator', 'anyWritable']).default('pdcEmulator'),
  bindDn: bindName,
  bindPasswordFile: file,
  caFile: file.optional(),
  /** Host name to "address" or "address:port", for domain controllers that DNS here does not know. */
  addresses: z.record(z.string(), z.string()).default({}),
})

export const rule = z.strictObject({
  name: word,
  /** Name of a forest. */
  forest: word,
  /** Where people are looked for. */
  baseDn: dn,
  /** Who else does not count (RFC 4515). */
  filter: z.string().refine(isFilter, 'must be an LDAP filter').optional(),
  /** The attribute that is the source anchor. */
  anchor: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'must be the name of an attribute')
    .default('mS-DS-ConsistencyGuid'),
  /** The lowest wins where several accounts go by one anchor. */
  precedence: z.number().int().min(0).max(10_000).default(100),
  enabled: z.boolean().default(true),
})

export const forestList = z.array(forest).min(1)
export const ruleList = z.array(rule).min(1)
export type Forest = z.infer<typeof forest>

/** A heartbeat tells of five domains at most. */
const maxDomains = 5

/** What must hold between forests and rules, in words. Values are no part of it. */
export function brokenScope(given: { forests: z.infer<typeof forestList>; rules: z.infer<typeof ruleList> }): string[] {
  const domains = given.forests.flatMap(({ name: forest, domains }) => domains.map(({ name }) => ({ forest, domain: name.toLowerCase() })))
  const problems = [
    ...repeated('forests', given.forests),
    ...repeated(
      'domains of all forests',
      domains.map(({ domain }) => ({ name: domain })),
    ),
    ...repeated('rules', given.rules),
    ...given.rules.flatMap((rule, at) => {
      if (!given.forests.some(({ name }) => name === rule.forest)) return [`rules.${at}.forest: no such forest`]
      const fits = domains.some(({ forest, domain }) => forest === rule.forest && domain === domainOfRule(rule))
      return fits ? [] : [`rules.${at}.baseDn: not in a domain of its forest`]
    }),
  ]
  return domains.length > maxDomains ? [...problems, `forests: at most ${maxDomains} domains`] : problems
}

function repeated(list: string, named: readonly { name: string }[]): string[] {
  const names = named.map(({ name }) => name)
  return new Set(names).size === names.length ? [] : [`${list}: no two may have the same name`]
}

function isFilter(text: string): boolean {
  try {
    parseFilter(text)
    return true
  } catch {
    return false
  }
}
