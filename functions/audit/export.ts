/**
 * The audit as a file: JSON lines, or CSV (RFC 4180) that no spreadsheet takes for formulas.
 *
 * A reason is text that an administrator typed. What begins like a formula gets an apostrophe in front (OWASP, CSV Injection);
 * so do ids that begin with a minus.
 */
import type { ListedEntry } from './listing.ts'

export const formats = ['json', 'jsonl', 'csv'] as const
export type Format = (typeof formats)[number]

export const columns = [
  'at',
  'event',
  'id',
  'who',
  'role',
  'action',
  'subject',
  'flow',
  'request',
  'gate',
  'operation',
  'outcome',
  'count',
  'reason',
] as const

export const linesOf = (entries: readonly ListedEntry[]): string => entries.map((entry) => `${JSON.stringify(shown(entry))}\n`).join('')

export const csvOf = (entries: readonly ListedEntry[]): string =>
  [columns, ...entries.map((entry) => columns.map((column) => shown(entry)[column]))]
    .map((cells) => `${cells.map(cell).join(',')}\r\n`)
    .join('')

const shown = (entry: ListedEntry): Readonly<Record<string, unknown>> => ({ ...entry, at: new Date(entry.at).toISOString() })

function cell(value: unknown): string {
  const text = value === undefined ? '' : String(value)
  return `"${/^[=+\-@\t\r\n]/.test(text) ? "'" : ''}${text.replaceAll('"', '""')}"`
}
