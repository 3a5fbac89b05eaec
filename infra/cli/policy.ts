/** `policy`: shows the tenant's policy, or changes the fields that are named and leaves the others as they were read. */
import { readFileSync } from 'node:fs'
import type { ManageAnswer } from '../../shared/manage.ts'
import { type Command, exitCodes, type Given, json, plain, refusal, UsageError } from './command.ts'

const list = (text: string): string[] =>
  text
    .split(/[,\r\n]+/)
    .map((each) => each.trim())
    .filter((each) => each !== '')

/** From what is typed behind `=` to what the API takes; undefined: that is none of it. What it may be in full, the API knows. */
const fields: Readonly<Record<string, (text: string) => unknown>> = {
  gates: (text) => (['1', '2'].includes(text) ? Number(text) : undefined),
  offered: list,
  eligibleGroup: (text) => (text === 'none' ? null : text),
  bannedWords: (text) => list(text.startsWith('@') ? wordsIn(text.slice(1)) : text),
  breachCheck: (text) => (text === 'on' ? true : text === 'off' ? false : undefined),
  auditDays: (text) => (/^\d{1,4}$/.test(text) ? Number(text) : undefined),
}

function wordsIn(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw new UsageError('the file of banned words cannot be read')
  }
}

function changesIn(args: readonly string[]): Record<string, unknown> {
  const pairs = args.map((arg) => {
    const [name = '', ...rest] = arg.split('=')
    const value = Object.hasOwn(fields, name) && rest.length > 0 ? fields[name]?.(rest.join('=')) : undefined
    if (value === undefined) throw new UsageError(`policy does not take "${arg}"; its fields: ${Object.keys(fields).join(', ')}`)
    return [name, value]
  })
  return Object.fromEntries(pairs)
}

const shown = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(plain).join(', ') || 'none'
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : plain(value ?? 'none')
}
const text = (body: ManageAnswer['body']): string =>
  Object.keys(fields)
    .map((name) => `${name.padEnd(15)}${shown(body[name])}`)
    .join('\n')

export const policy: Command = {
  usage: 'policy [FIELD=VALUE ... --reason TEXT]',
  summary: 'what people must prove, who may use this, which words are no passwords; with fields: change these',
  async run(given: Given) {
    const { args, reason, manage, io } = given
    const changes = changesIn(args)
    const changing = args.length > 0
    if (changing && (reason === undefined || reason.trim() === '')) throw new UsageError('policy needs --reason to change something')
    const current = await manage.call('GET', 'policy')
    const refused = refusal(current, given)
    if (refused !== undefined) return refused
    const { since: _, ...seen } = current.body
    const answer = changing ? await manage.call('PUT', 'policy', { ...seen, ...changes, reason }) : current
    const notChanged = refusal(answer, given)
    if (notChanged !== undefined) return notChanged
    io.print(given.json ? json(answer.body) : text(answer.body))
    return exitCodes.done
  },
}
