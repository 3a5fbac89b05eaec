/**
 * Questions on a terminal: the only file that knows @clack/prompts.
 *
 * Its spinner is not used: it ends the process with code 0 at Ctrl-C, and between two questions Ctrl-C shall end it as it ends
 * any other program.
 */
import { isCancel, log, multiselect, note, password, select, text } from '@clack/prompts'
import { Secret } from '../../../shared/secret.ts'
import { type Asker, Cancelled, type Choice } from './ask.ts'

export const prompts: Asker = {
  async text(message, { initial, check }) {
    const validate = (answer: string | undefined) => check((answer ?? '').trim())
    return answered(await text({ message, validate, ...(initial !== undefined && { initialValue: initial }) })).trim()
  },
  async secret(message) {
    const typed = answered(await password({ message })) ?? ''
    return typed === '' ? undefined : Secret.fromText(typed)
  },
  async choose<T extends string>(message: string, choices: readonly Choice<T>[], initial?: T) {
    return answered(await select<string>({ message, options: [...choices], ...(initial !== undefined && { initialValue: initial }) })) as T
  },
  async tick<T extends string>(message: string, choices: readonly Choice<T>[], initial: readonly T[]) {
    return answered(await multiselect<string>({ message, options: choices, initialValues: initial, required: false })) as T[]
  },
  note: (title, lines) => note(lines.join('\n'), title, { format: (line) => line }),
  step: (line) => log.step(line),
  lines: (lines) => log.message(lines.flatMap((line) => line.split('\n'))),
}

function answered<T>(answer: T): Exclude<T, symbol> {
  if (isCancel(answer)) throw new Cancelled('cancelled')
  return answer as Exclude<T, symbol>
}
