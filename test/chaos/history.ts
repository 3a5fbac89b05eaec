/**
 * What happened, as the chaos saw it: who asked for what, what they were told, what agents began, what the directory wrote.
 *
 * Times are ms of this machine's wall clock: all parts run on it. A request is one submit of one password; its number stands
 * for it, and no password is in here.
 */
export type Effect = 'changed' | 'notChanged' | 'unknown'

export interface Told {
  at: number
  code: string
  effect: Effect
  /** `answer`: to the submit itself. `flow`: read later. */
  by: 'answer' | 'flow'
}

export interface Request {
  number: number
  user: string
  submittedAt: number
  told: Told[]
  /** The connection broke, or nothing was said of the effect: the person has to look. */
  unanswered: boolean
  /** Two presses of one flow, and not both were answered: which of them the flow speaks of, nobody can tell. */
  ambiguous: boolean
}

/** An agent handed a write to the directory. */
export interface Begun {
  at: number
  request: number
  agent: string
  /** Not the first delivery; then `lookedAt` is when the directory was last asked before. */
  again: boolean
  lookedAt: number
  /** The broker's time. */
  enqueuedAt: number
}

/** `by`: a request's number, or somebody else. */
export interface Written {
  at: number
  user: string
  by: number | 'somebody else'
}

/** Somebody else set a password; `open`: and it need not be changed, which would hide when. */
export interface Other {
  from: number
  to: number
  user: string
  open: boolean
}

export interface FaultFired {
  name: string
  from: number
  to: number
}

export interface History {
  requests: Request[]
  begun: Begun[]
  written: Written[]
  others: Other[]
  faults: FaultFired[]
  /** Whose password works at the end, by binds; undefined: none that is known. */
  inForce: Map<string, Written['by'] | 'the first' | undefined>
  /** Messages that are left on any queue, dead-letter queues included. */
  left: number
}

export interface Limits {
  startWithinMs: number
  answerMs: number
}
