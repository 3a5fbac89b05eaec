/**
 * Everything answered so far, none of it written anywhere: a page of the wizard makes a new draft of an old one. Ctrl-C loses it,
 * and nothing else.
 */
import type { Clock } from '../../../shared/clock.ts'
import { faultWord } from '../../../shared/fault.ts'
import type { Secret } from '../../../shared/secret.ts'
import { type Finding, failed, isFailed } from '../doctor/checks.ts'
import { reportLines } from '../doctor/report.ts'
import type { Asker } from './ask.ts'
import { type Parsed, parseSingle, problemOf, type Question } from './questions.ts'
import type { Service } from './service.ts'
import { type Json, textAt } from './settings-edit.ts'
import { withSingle } from './settings-shape.ts'

/** What the program that signs in must be told; `client` is among ADMIN_CLIENT_IDS of the function app. */
export interface AdministratorAnswers {
  url?: string | undefined
  api?: string | undefined
  client?: string | undefined
}

export interface Draft {
  settings: Json
  /** Forests of the settings that were there: none of them gets a rule that nobody asked for. */
  forestsThere: readonly string[]
  /** Typed, for the forest of this name; they go into its `bindPasswordFile`. */
  passwords: ReadonlyMap<string, Secret>
  writeback: 'on' | 'off' | 'asItIs'
  /** For the records: why it is switched. */
  reason: string
  /** Where, and as what program, an administrator signs in. */
  administrator: AdministratorAnswers
  /** A new certificate is registered by an administrator who signs in, or else by hand. */
  register: boolean
  /** Once an administrator has signed in. */
  service?: Service | undefined
}

/** Whether what was answered works; each binds and connects. */
export interface Trials {
  cloud(draft: Answered): Promise<Finding[]>
  forests(draft: Answered): Promise<Finding[]>
  rules(draft: Answered): Promise<Finding[]>
}
export type Answered = Pick<Draft, 'settings' | 'passwords'>

export interface Kit {
  ask: Asker
  trials: Trials
  clock: Clock
  /** Where the settings file is, and what belongs to it. */
  folder: string
  colour: boolean
}

/** Asks and tries, until it works or whoever answers goes on anyway. */
export async function untilGood(
  draft: Draft,
  { ask, colour }: Kit,
  edit: (draft: Draft) => Promise<Draft>,
  attempt: (draft: Draft) => Promise<Finding[]>,
): Promise<Draft> {
  let next = await edit(draft)
  for (;;) {
    ask.step('Trying the connection …')
    const findings = await attempt(next).catch(cannotTry)
    ask.lines(reportLines(findings, colour))
    if (!findings.some(isFailed)) return next
    const choice = await ask.choose('Something does not work yet. What now?', afterFailure)
    if (choice === 'anyway') return next
    if (choice === 'change') next = await edit(next)
  }
}

/** Nothing that was answered is lost for a file that is named and gone. */
const cannotTry = (error: unknown): Finding[] => [
  failed('settings', '', `cannot be tried (${faultWord(error)})`, 'is every file that is named there?'),
]

const afterFailure = [
  { value: 'change', label: 'Change the answers' },
  { value: 'again', label: 'Try again' },
  { value: 'anyway', label: 'Go on anyway' },
] as const

/** `optional`: empty takes the setting away. */
export async function askSingle(ask: Asker, settings: Json, { key, ask: message }: Question, optional = false): Promise<Json> {
  const value = await askValue(ask, message, textAt(settings, key), (answer) => parseSingle(key, answer), optional)
  return withSingle(settings, key, value)
}

export async function askValue(
  ask: Asker,
  message: string,
  initial: string | undefined,
  parse: (answer: string) => Parsed,
  optional = false,
): Promise<unknown> {
  const none = (answer: string) => optional && answer === ''
  const answer = await ask.text(message, { initial, check: (typed) => (none(typed) ? undefined : problemOf(parse(typed))) })
  const parsed = none(answer) ? { value: undefined } : parse(answer)
  return 'value' in parsed ? parsed.value : undefined
}
