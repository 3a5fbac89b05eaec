/**
 * The part of OData's query language the product uses: `$select` with plain properties, `$filter` with one equality.
 *
 * A literal is quoted with ' and holds '' for each ' (OData 4.01 URL Conventions §5.1.1.14.1); a filter this does not
 * understand is refused, never ignored.
 */
import { badRequest, type Refusal, unknownProperty, unsupportedQuery } from './refusals.ts'
import { defaultSelection, type GraphUser, isUserProperty } from './users.ts'

export type Selection = { kind: 'selected'; properties: readonly (keyof GraphUser)[]; context: string } | Refusal

/** The properties to show, and how `@odata.context` names them. */
export function parseSelect(select: string | null): Selection {
  if (select === null) return { kind: 'selected', properties: defaultSelection, context: '' }
  const properties: (keyof GraphUser)[] = []
  for (const name of select.split(',').map((each) => each.trim())) {
    if (!isUserProperty(name)) return unknownProperty(name)
    properties.push(name)
  }
  return { kind: 'selected', properties, context: `(${properties.join(',')})` }
}

export type Filter = { kind: 'filter'; matches(user: GraphUser): boolean } | Refusal

const filterable = ['id', 'userPrincipalName', 'mail', 'displayName', 'onPremisesImmutableId'] as const

export function parseFilter(filter: string | null): Filter {
  if (filter === null) return { kind: 'filter', matches: () => true }
  const [, name, literal] = /^\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*$/.exec(filter) ?? []
  if (name === undefined || literal === undefined) return badRequest('Invalid filter clause')
  const property = filterable.find((each) => each === name)
  if (!property) return unsupportedQuery(`Unsupported or invalid query filter clause specified for property '${name}' of resource 'User'.`)
  const value = literal.replaceAll("''", "'")
  if (property === 'onPremisesImmutableId') return { kind: 'filter', matches: (user) => user[property] === value } // base64: case matters
  return { kind: 'filter', matches: (user) => user[property]?.toLowerCase() === value.toLowerCase() }
}

/** The first system query option that is none of `known`, which must not be passed over in silence. */
export function unknownOption(query: URLSearchParams, known: readonly string[]): string | undefined {
  return [...query.keys()].find((key) => key.startsWith('$') && !known.includes(key))
}
