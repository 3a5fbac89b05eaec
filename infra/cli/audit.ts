/** `audit`: what administrators did and the steps of people, as text a page at a time, or all of it as a file. */
import type { Told } from '../../shared/manage.ts'
import { type Command, exitCodes, filters, type Given, json, listIn, plain, refusal, UsageError, when } from './command.ts'

const formats = ['csv', 'jsonl']

export const audit: Command = {
  usage: `audit [--before PLACE] ${filters.map((name) => `[--${name} …]`).join(' ')} [--format FORMAT]`,
  summary: 'what administrators did and the steps of people, newest first; FORMAT csv or jsonl: all of it, to its end',
  async run(given) {
    const { format } = given
    if (format !== undefined && !formats.includes(format)) throw new UsageError(`--format takes ${formats.join(' or ')}`)
    return format === undefined ? showPage(given) : printAll({ ...given, format })
  },
}

const pathOf = ({ filter, before }: Pick<Given, 'filter' | 'before'>, format?: string): string => {
  const given = Object.entries({ ...filter, before, format }).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return given.length === 0 ? 'audit' : `audit?${new URLSearchParams(given)}`
}

async function showPage(given: Given): Promise<number> {
  const answer = await given.manage.call('GET', pathOf(given))
  const refused = refusal(answer, given)
  if (refused !== undefined) return refused
  given.io.print(given.json ? json(answer.body) : textOf(answer.body).join('\n'))
  return Number(answer.body['rejected']) > 0 ? exitCodes.failed : exitCodes.done
}

/** Page after page, the head of a CSV once. */
async function printAll({ format, ...given }: Given & { format: string }): Promise<number> {
  let rejected = 0
  let path = pathOf(given, format)
  for (let first = true; ; first = false) {
    const answer = await given.manage.call('GET', path)
    const refused = refusal(answer, given)
    if (refused !== undefined) return refused
    const { text, next, rejected: here } = answer.body
    const lines = String(text).replace(first || format !== 'csv' ? '' : /^.*?\r\n/, '')
    if (lines !== '') given.io.print(harmless(lines))
    rejected += Number(here)
    if (next === undefined) break
    path = `audit${next}`
  }
  if (rejected > 0) given.io.tell(somebodyElse(rejected))
  return rejected > 0 ? exitCodes.failed : exitCodes.done
}

/** A file may end on a terminal; printing adds the last line break. */
const harmless = (text: string) => text.replace(/\r?\n$/, '').replaceAll(/[^\P{C}\r\n]/gu, '�')
const somebodyElse = (rejected: unknown) =>
  `${plain(rejected)} entry or entries here were not written by the service: somebody else writes to its tables.`

const textOf = ({ entries, rejected, next }: Told): string[] => [
  ...listIn(entries).map((entry) => `${when(entry['at'])}  ${entry['role'] === undefined ? stepText(entry) : actText(entry)}`),
  ...(Number(rejected) > 0 ? [somebodyElse(rejected)] : []),
  ...(next ? [`Older ones: npm run admin -- audit --before ${plain(next)}`] : []),
]

const actText = ({ who, role, action, subject, reason, outcome, request }: Told): string =>
  `${plain(who)} (${plain(role).replace('Writeback.', '')})  ${plain(action)}${subject ? ` ${plain(subject)}` : ''}: ${plain(outcome)}${request ? `, request ${plain(request)}` : ''}${reason ? `  "${plain(reason)}"` : ''}`

const stepText = ({ at: _, event, id, ...facts }: Told): string =>
  [`${plain(id)} ${plain(event)}`, ...Object.entries(facts).map(([name, value]) => `${plain(name)} ${plain(value)}`)].join('  ')
