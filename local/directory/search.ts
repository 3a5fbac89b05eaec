/**
 * Search (RFC 4511 §4.5) with paging (RFC 2696) and Active Directory's page limit of 1,000 entries.
 *
 * Everybody who is authenticated reads the tree; anonymous callers only rootDSE. Attributes come under the name the schema
 * gives them, whatever the request's spelling; what an entry does not have is left out.
 */
import { randomBytes } from 'node:crypto'
import { resolveChains } from './chain.ts'
import type { AttributeValues, Control, RequestOf } from './codec.ts'
import { baseSearchOnly, compute, returnedByDefault } from './computed.ts'
import { pageReply, type Wishes } from './controls.ts'
import type { Domain } from './domain.ts'
import { type Entry, nameOf } from './entries.ts'
import { equals, type Lookup, matches } from './filter.ts'
import { missing } from './modify.ts'
import { code, type Result, refusals, success } from './result.ts'
import { mayRead, readableDescriptor } from './rights.ts'
import { rootDse } from './root-dse.ts'
import { attributeKind } from './schema.ts'

export interface FoundEntry {
  dn: string
  attributes: AttributeValues[]
}

export interface SearchAnswer {
  entries: FoundEntry[]
  result: Result
  controls: Control[]
}

/** MaxPageSize of the default query policy ([MS-ADTS] 3.1.1.3.4.6). */
export const maxPageSize = 1000

/** What is left of paged searches, by cookie; a cookie is good once and on its own connection only. */
export type OpenPages = Map<string, Entry[]>

const refused = (result: Result): SearchAnswer => ({ entries: [], result, controls: [] })

export function search(
  domain: Domain,
  reader: Entry | undefined,
  request: RequestOf<'search'>,
  { page, descriptorParts }: Wishes,
  open: OpenPages,
): SearchAnswer {
  if (request.base === '' && request.scope === 'base') {
    return { entries: [{ dn: '', attributes: chosen(request, rootDse(domain).all(), []) }], result: success, controls: [] }
  }
  if (reader === undefined) return refused(refusals.notAuthenticated)
  const base = domain.tree.find(request.base)
  if (base.kind !== 'entry') return refused(missing(base))
  if (!mayRead(domain, reader, base.entry)) return refused(refusals.noSuchObject)
  if (request.scope !== 'base' && request.attributes.some((name) => baseSearchOnly.includes(name.toLowerCase()))) {
    return refused(refusals.baseSearchOnly)
  }
  const resumed = page?.cookie.length ? open.get(page.cookie.toString('hex')) : undefined
  if (page?.cookie.length && resumed === undefined) return refused(refusals.badCookie)
  if (page) open.delete(page.cookie.toString('hex'))
  const candidates = resumed ?? [...matching(domain, reader, base.entry, request)]
  const { entries, result, controls } = cut(candidates, request.sizeLimit, page, open)
  return { entries: entries.map((entry) => present(domain, reader, request, entry, descriptorParts)), result, controls }
}

function* matching(domain: Domain, reader: Entry, base: Entry, request: RequestOf<'search'>): Iterable<Entry> {
  const filter = resolveChains(request.filter, domain.tree)
  for (const entry of domain.tree.within(base, request.scope)) {
    if (matches(filter, lookup(domain, entry, reader)) && mayRead(domain, reader, entry)) yield entry
  }
}

/** Stored values, and the back link `memberOf`. */
const lookup =
  (domain: Domain, entry: Entry, reader: Entry): Lookup =>
  (name) =>
    name.toLowerCase() === 'memberof'
      ? (compute(domain, entry, reader, name) ?? []).map((value) => Buffer.from(String(value)))
      : entry.attributes.values(name)

function cut(candidates: Entry[], sizeLimit: number, page: Wishes['page'], open: OpenPages) {
  const limit = Math.min(maxPageSize, sizeLimit || maxPageSize, page?.size || maxPageSize)
  const entries = candidates.slice(0, limit)
  const rest = candidates.slice(limit)
  if (page === undefined || page.size >= (sizeLimit || Number.POSITIVE_INFINITY)) {
    return { entries, result: rest.length > 0 ? refusals.sizeLimit : success, controls: [] }
  }
  const cookie = rest.length > 0 ? randomBytes(8) : Buffer.alloc(0)
  if (rest.length > 0) open.set(cookie.toString('hex'), rest)
  return { entries, result: success, controls: [pageReply(cookie)] }
}

function present(domain: Domain, reader: Entry, request: RequestOf<'search'>, entry: Entry, parts: number | undefined): FoundEntry {
  const stored = entry.attributes.all().filter(({ name }) => !returnedByDefault.includes(name) && name !== 'nTSecurityDescriptor')
  const named = [...request.attributes, ...(wantsAll(request) ? returnedByDefault : [])]
  const extra = named.flatMap((name): AttributeValues[] => {
    const values = compute(domain, entry, reader, name) ?? []
    const kind = attributeKind(name)
    return kind === undefined || values.length === 0
      ? []
      : [{ name: kind.name, values: values.map((value) => (Buffer.isBuffer(value) ? value : Buffer.from(String(value)))) }]
  })
  return { dn: nameOf(entry), attributes: chosen(request, stored, [...extra, ...presentDescriptor(domain, reader, request, entry, parts)]) }
}

/** Only for who asks for it, by its name or by the control. */
function presentDescriptor(domain: Domain, reader: Entry, request: RequestOf<'search'>, entry: Entry, parts: number | undefined) {
  const name = 'nTSecurityDescriptor'
  const named = request.attributes.some((each) => each.toLowerCase() === name.toLowerCase())
  if (!named && !(wantsAll(request) && parts !== undefined)) return []
  const value = readableDescriptor(domain, reader, entry, parts ?? 0)
  return value === undefined ? [] : [{ name, values: [value] }]
}

const wantsAll = (request: RequestOf<'search'>): boolean => request.attributes.length === 0 || request.attributes.includes('*')

/** `1.1` is no attribute's name, so it chooses nothing (RFC 4511 §4.5.1.8). Passwords are never read. */
function chosen(request: RequestOf<'search'>, stored: readonly AttributeValues[], extra: readonly AttributeValues[]): AttributeValues[] {
  const wanted = new Set(request.attributes.map((name) => name.toLowerCase()))
  const byName = new Map<string, AttributeValues>()
  for (const attribute of stored) if (wantsAll(request) || wanted.has(attribute.name.toLowerCase())) byName.set(attribute.name, attribute)
  for (const attribute of extra) byName.set(attribute.name, attribute)
  return [...byName.values()].map(({ name, values }) => ({ name, values: request.typesOnly ? [] : values }))
}

/** Compare (RFC 4511 §4.10): the same rules as an equality filter on one entry. */
export function compare(domain: Domain, reader: Entry, request: RequestOf<'compare'>): Result {
  const base = domain.tree.find(request.dn)
  if (base.kind !== 'entry') return missing(base)
  const holds = equals(lookup(domain, base.entry, reader), request.name, request.value)
  return { code: holds ? code.compareTrue : code.compareFalse, text: '' }
}
