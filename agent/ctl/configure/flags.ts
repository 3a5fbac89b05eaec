/** The command line of `agentctl configure`, read once: what to do, and the answers that stand there. */
import { parseArgs } from 'node:util'
import { UsageError } from '../program.ts'
import { type Edit, editOptions } from './edits.ts'

const flag = { type: 'boolean' } as const
const text = { type: 'string' } as const

/** Those that are no edit of the settings. */
export const options = {
  settings: text,
  view: flag,
  yes: flag,
  anyway: flag,
  json: flag,
  'app-url': text,
  api: text,
  'admin-client': text,
  register: flag,
  writeback: text,
  reason: text,
  help: flag,
} as const

export function parseFlags(args: readonly string[]) {
  const { values, tokens } = parsed(args)
  const edits = tokens.flatMap((token): Edit[] =>
    token.kind === 'option' && Object.hasOwn(editOptions, token.name) ? [{ flag: token.name, value: token.value ?? '' }] : [],
  )
  return { ...values, edits }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: { ...(editOptions as object), ...options }, tokens: true })
  } catch {
    throw new UsageError('an option is not known or lacks its value (agentctl configure --help)')
  }
}
