/** What an agent under test may be told to do (agent.ts). */
export const points = ['afterOpen', 'beforeWrite', 'writeSent', 'writeAnswered', 'journalWritten', 'replySent', 'beforeSettle'] as const
export type Point = (typeof points)[number]

export type Order =
  | { kind: 'stopAt'; point: Point; signal: 'SIGKILL' | 'SIGSTOP' }
  | { kind: 'goOn' }
  /** ms ahead of the true time; 0 ends it. */
  | { kind: 'clockOff'; ms: number }

/** Name of the variable that names the wrong decision, if there is to be one. */
export const plantVariable = 'CHAOS_PLANT'
