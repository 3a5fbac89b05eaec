/**
 * What a subcommand of agentctl is: a name, a line about it, and a function from arguments to an exit code.
 *
 * Subcommands write through `Io` alone. Administrators typed the names they see again there; passwords never go through it,
 * and neither does what a server wrote.
 */

export interface Io {
  /** One line, or several, to standard output. */
  print(text: string): void
  /** To standard error. */
  complain(text: string): void
  /** Standard output is a terminal that may be coloured. */
  colour: boolean
}

export type Run = (args: readonly string[], io: Io) => Promise<number>

export interface Subcommand {
  name: string
  summary: string
  /** Only what is asked for is loaded. */
  load(): Promise<{ run: Run }>
}

/** 1: it failed, or found something wrong. */
export const exitCodes = { done: 0, failed: 1, usage: 64 } as const

/** A command line that cannot be meant: the message says what to change. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
