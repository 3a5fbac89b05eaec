/**
 * Lines of the scope report as text: CSV (RFC 4180) or one JSON object a line.
 *
 * Names in a directory are written by many people, and a spreadsheet runs a cell that looks like a formula. In CSV such a cell
 * begins with an apostrophe; so does one that begins with an apostrophe, so that the first can always be taken away again.
 */
import { columns, type Line } from './scope-line.ts'

export const formats = ['csv', 'json'] as const
export type Format = (typeof formats)[number]

/** Also as East Asian spreadsheets write them, also after blanks and control characters. */
const looksLikeFormula = /^[\s\p{Cc}]*[=+\-@＝＋－＠]|^['\t\r\n]/u

function cell(text: string): string {
  const guarded = looksLikeFormula.test(text) ? `'${text}` : text
  return /[",\r\n;\t]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded
}

const csvRow = (cells: readonly string[]): string => `${cells.map(cell).join(',')}\r\n`

export const headOf = (format: Format): string => (format === 'csv' ? csvRow(columns) : '')

export function textOf(line: Line, format: Format): string {
  return format === 'csv' ? csvRow(columns.map((name) => line[name])) : `${JSON.stringify(line)}\n`
}
