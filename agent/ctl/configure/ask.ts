/**
 * What the wizard needs of whoever answers: prompts.ts asks a person; with --yes nobody is asked. Consumers take this as an
 * argument, so that a test can answer, too.
 */
import type { Secret } from '../../../shared/secret.ts'

export interface Choice<T extends string> {
  value: T
  label: string
  hint?: string
}

/** The reason why an answer is refused; undefined: it is not. */
export type Check = (answer: string) => string | undefined

/** Who is only told something. */
export interface Teller {
  note(title: string, lines: readonly string[]): void
  /** What is going on. */
  step(text: string): void
  lines(lines: readonly string[]): void
}

export interface Asker extends Teller {
  /** Without blanks at both ends. `initial` stands there and may be edited. */
  text(message: string, options: { initial?: string | undefined; check: Check }): Promise<string>
  /** Typed without being shown; empty: undefined. */
  secret(message: string): Promise<Secret | undefined>
  choose<T extends string>(message: string, choices: readonly Choice<T>[], initial?: T): Promise<T>
  /** A box for each; those ticked. */
  tick<T extends string>(message: string, choices: readonly Choice<T>[], initial: readonly T[]): Promise<T[]>
}

/** Ctrl-C at a question. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled'
}
