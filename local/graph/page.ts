/** Collections in pages: `$top` of them or the tenant's own page size, and `@odata.nextLink` to the next (learn.microsoft.com/graph/paging). */
import type { Json } from '../stand-in.ts'
import type { WebRequest } from '../web.ts'
import { badRequest } from './refusals.ts'
import type { Graph, Result } from './shape.ts'

export const metadata = 'https://graph.microsoft.com/v1.0/$metadata'

export function paged({ tenant }: Pick<Graph, 'tenant'>, { url }: WebRequest, context: string, items: Json[]): Result {
  const top = Number(url.searchParams.get('$top') ?? tenant.pageSize)
  const from = Number(url.searchParams.get('$skiptoken') ?? 0)
  if (!Number.isInteger(top) || top < 1 || top > 999) return badRequest("Invalid page size specified: '$top'.")
  const size = Math.min(top, tenant.pageSize)
  const next = new URL(url)
  next.searchParams.set('$skiptoken', String(from + size))
  const more = from + size < items.length && { '@odata.nextLink': next.href }
  return { kind: 'done', status: 200, body: { '@odata.context': `${metadata}${context}`, ...more, value: items.slice(from, from + size) } }
}
