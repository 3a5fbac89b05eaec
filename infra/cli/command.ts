/** What every command of `npm run admin` is: a line of help, what it is given, and how it ends. */
import type { Clock } from '../../shared/clock.ts'
import { isObject, type Manage, type ManageAnswer, type Told } from '../../shared/manage.ts'

/** Those of sysexits.h, where one fits. */
export const exitCodes = { done: 0, failed: 1, usage: 64, underWay: 75, notPermitted: 77 } as const

/** Flags of `audit` that go to the API as they are. */
export const filters = ['from', 'to', 'who', 'subject', 'action', 'outcome', 'flow', 'request'] as const
export type Filters = Partial<Record<(typeof filters)[number], string | undefined>>

export class UsageError extends Error {}

export interface Io {
  /** What was asked for. */
  print(text: string): void
  /** What happens meanwhile, and what went wrong. */
  tell(text: string): void
  /** Asks the person at the keyboard; undefined: there is none. */
  ask?(question: string): Promise<string>
}

export interface Given {
  manage: Manage
  io: Io
  clock: Clock
  /** Arguments after the command's name. */
  args: readonly string[]
  reason: string | undefined
  override: boolean
  yes: boolean
  json: boolean
  wait: boolean
  before: string | undefined
  /** Of the audit. */
  filter: Filters
  format: string | undefined
  /** A password that was set need not be changed at the next sign-in. */
  keep: boolean
  head: string | undefined
}

export interface Command {
  /** As it is typed, arguments in capitals. */
  usage: string
  summary: string
  run(given: Given): Promise<number>
}

/** Texts of the API go to a terminal: what others wrote (reasons, names) must not move its cursor. */
export const plain = (text: unknown): string => String(text).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '�')
/** Indented, and as harmless: JSON itself leaves C1 controls and directions of writing as they are. */
export const json = (value: unknown): string =>
  JSON.stringify(value, null, 2).replaceAll(/[^\P{C}\n]/gu, (found) =>
    Array.from({ length: found.length }, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
export const when = (ms: unknown): string => (typeof ms === 'number' && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : plain(ms))

/** What should be an object, or a list of such; what is none has nothing in it. */
export const objectIn = (value: unknown): Told => (isObject(value) ? value : {})
export const listIn = (value: unknown): Told[] => (Array.isArray(value) ? value.map(objectIn) : [])

/** Undefined: a success, which the caller shows. */
export function refusal({ status, body }: ManageAnswer, { io, json: asJson }: Pick<Given, 'io' | 'json'>): number | undefined {
  if (status < 300) return undefined
  if (asJson) io.print(json(body))
  const { title = `status ${status}`, code = status } = body
  io.tell(`Refused: ${plain(title)} (${plain(code)})`)
  if (code === 'signInAgain') io.tell('Use a fresh browser session (a private window): an older sign-in there does not count.')
  return status === 401 || status === 403 ? exitCodes.notPermitted : exitCodes.failed
}
