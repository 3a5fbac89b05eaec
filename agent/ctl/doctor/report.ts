/**
 * Findings as text (coloured where a person reads it) or as one JSON object. What to do stands below each line that needs it.
 */
import type { Io } from '../program.ts'
import { type Finding, isFailed } from './checks.ts'

/** ECMA-48 SGR. */
const colours: Record<Finding['state'], string> = { passed: '32', warning: '33', failed: '31', skipped: '2' }
const words: Record<Finding['state'], string> = { passed: 'ok', warning: 'warning', failed: 'FAILED', skipped: 'skipped' }

export function report(findings: readonly Finding[], json: boolean, io: Io): void {
  if (json) {
    io.print(JSON.stringify({ ok: !findings.some(isFailed), findings }))
    return
  }
  for (const text of reportLines(findings, io.colour)) io.print(text)
}

export const reportLines = (findings: readonly Finding[], colour: boolean): string[] => [
  ...findings.map((finding) => line(finding, colour)),
  summary(findings),
]

function line({ check, about, state, text, todo }: Finding, colour: boolean): string {
  const word = words[state].padEnd(8)
  const shown = colour ? `\u001b[${colours[state]}m${word}\u001b[0m` : word
  const first = `${shown}${check.padEnd(20)}${printable(`${about === '' ? '' : `${about}: `}${text}`)}`
  return todo === undefined ? first : `${first}\n${' '.repeat(28)}do: ${todo}`
}

/** Names in a directory may hold what a terminal would obey. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?')

function summary(findings: readonly Finding[]): string {
  const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length
  const rest = [`${count('passed')} ok`, `${count('warning')} warnings`, `${count('skipped')} skipped`].join(', ')
  return count('failed') === 0 ? `\nNothing is wrong (${rest}).` : `\n${count('failed')} failed (${rest}).`
}
