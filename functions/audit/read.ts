/**
 * GET /api/manage/audit: what administrators did and the steps of people, newest first, about 50 at a time.
 *
 * Filters: `from`, `to` (ISO 8601), `who`, `subject`, `action`, `outcome`, `flow`, `request`. `before` is the `next` of the page
 * before; as `format=jsonl` or `csv` it is in the Link header (RFC 8288), for those bodies hold entries alone.
 */
import * as z from 'zod'
import type { AdministratorHandler } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import { csvOf, formats, linesOf } from './export.ts'
import type { AuditPage, Listing } from './listing.ts'
import { isPlace } from './place.ts'
import type { Steps } from './steps.ts'

export const pageSize = 50

const time = z.iso.datetime({ offset: true }).or(z.iso.date()).transform(Date.parse)
const word = z.string().regex(/^[\w.-]{1,64}$/)
/** An object id, kept in lower case. */
const object = word.transform((id) => id.toLowerCase())
const filters = { from: time, to: time, who: object, subject: object, action: word, outcome: word, flow: word, request: word }
const schema = z.strictObject({ ...filters, before: z.string().refine(isPlace), format: z.enum(formats) }).partial()

export interface ReadAuditDeps {
  listing: Listing
  steps: Pick<Steps, 'flush'>
}

export const readAudit =
  ({ listing, steps }: ReadAuditDeps): AdministratorHandler<undefined> =>
  async ({ query }) => {
    const parsed = schema.safeParse(Object.fromEntries(query))
    if (!parsed.success) return problem('invalidQuery', { fields: fieldsOf(parsed.error) })
    const { before, format = 'json', ...filter } = parsed.data
    // What happened on this instance a moment ago is shown, too.
    await steps.flush()
    const page = await listing.page(filter, pageSize, before)
    if (format === 'json') return { status: 200, body: jsonOf(page) }
    return { status: 200, body: {}, file: fileOf(page, format, query) }
  }

const fieldsOf = ({ issues }: z.ZodError): string[] => [
  ...new Set(issues.map(({ code, path }) => (code === 'unrecognized_keys' ? 'unknown parameter' : path.join('.')))),
]

const jsonOf = ({ entries, next, rejected }: AuditPage): Answer['body'] => ({
  entries: entries.map((entry) => ({ ...entry })),
  next,
  rejected,
})

function fileOf({ entries, next, rejected }: AuditPage, format: 'jsonl' | 'csv', query: URLSearchParams): NonNullable<Answer['file']> {
  const [type, text] = format === 'csv' ? ['text/csv; charset=utf-8', csvOf(entries)] : ['application/jsonl', linesOf(entries)]
  // Relative to this address.
  const onward = next && `<?${new URLSearchParams({ ...Object.fromEntries(query), before: next })}>; rel="next"`
  const name = `attachment; filename="audit.${format}"`
  return { type, text, headers: { 'content-disposition': name, 'x-rejected': String(rejected), ...(onward && { link: onward }) } }
}
