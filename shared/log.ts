/**
 * Structured events: one JSON line each, from a closed list, with fields from a closed list.
 *
 * Every field has a shape that sentences, DNs, server text and mail addresses do not fit (ids, codes, numbers):
 * what does not match is written as `[refused]`, and of a field that is not on the list not even the name. A password or
 * secret of plain letters and digits would fit an id: none is ever passed here (Secret, and the canary journey).
 * Ids of events follow those administrators of Microsoft's service know (docs/outcomes.md).
 */
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'

export type Level = 'info' | 'warning' | 'error'

export const events = {
  resetStarted: { id: 31001, level: 'info' },
  resetDone: { id: 31002, level: 'info' },
  resetFailed: { id: 31003, level: 'warning' },
  changeStarted: { id: 31006, level: 'info' },
  changeDone: { id: 31007, level: 'info' },
  changeFailed: { id: 31008, level: 'warning' },
  adminResetStarted: { id: 31009, level: 'info' },
  adminResetDone: { id: 31010, level: 'info' },
  adminResetFailed: { id: 31011, level: 'warning' },
  onboarded: { id: 31005, level: 'info' },
  offboarded: { id: 31013, level: 'info' },
  agentStarted: { id: 31015, level: 'info' },
  agentStopped: { id: 31016, level: 'info' },
  keyVersionsMade: { id: 31018, level: 'info' },
  heartbeat: { id: 31019, level: 'info' },
  evidenceHead: { id: 31021, level: 'info' },
  listenerError: { id: 31034, level: 'warning' },
  relayDown: { id: 31044, level: 'error' },
  relayError: { id: 32002, level: 'warning' },
  envelopeRejected: { id: 32004, level: 'warning' },
  replyRejected: { id: 32008, level: 'warning' },
  relayReconnected: { id: 32014, level: 'info' },
  heartbeatFailed: { id: 32015, level: 'warning' },
  directoryConfiguration: { id: 33009, level: 'error' },
  directoryError: { id: 33001, level: 'warning' },
  otherController: { id: 34017, level: 'warning' },
  replayRefused: { id: 34003, level: 'warning' },
  eventRefused: { id: 34004, level: 'warning' },
  outcomeUnknown: { id: 34006, level: 'warning' },
  ceilingReached: { id: 34010, level: 'error' },
  settled: { id: 34011, level: 'info' },
  codeSent: { id: 34012, level: 'info' },
  handlerFailed: { id: 34013, level: 'error' },
  rowRejected: { id: 34014, level: 'error' },
  linkChanged: { id: 34018, level: 'error' },
  relinked: { id: 34019, level: 'warning' },
  operationStarted: { id: 34022, level: 'info' },
  operationDone: { id: 34023, level: 'info' },
  operationFailed: { id: 34024, level: 'warning' },
  evidenceBroken: { id: 34021, level: 'error' },
  administratorActed: { id: 34031, level: 'warning' },
  administratorRefused: { id: 34030, level: 'warning' },
  methodChanged: { id: 34036, level: 'warning' },
  userRefused: { id: 34035, level: 'warning' },
  keysUnavailable: { id: 34016, level: 'error' },
  rolloverAdopted: { id: 34040, level: 'info' },
  rolloverUnproved: { id: 34041, level: 'error' },
  rolloverAbandoned: { id: 34042, level: 'error' },
  keyVersionsDisabled: { id: 34043, level: 'info' },
  rolloverFailed: { id: 34044, level: 'error' },
  keysOverdue: { id: 34048, level: 'error' },
  writebackSwitched: { id: 34045, level: 'warning' },
  agentRevoked: { id: 34046, level: 'warning' },
  agentAdmitted: { id: 34047, level: 'warning' },
  rolesUnresolved: { id: 34080, level: 'warning' },
  signInUnknown: { id: 34081, level: 'warning' },
  cloudPasswordPending: { id: 34001, level: 'info' },
  cloudPasswordFailed: { id: 34082, level: 'warning' },
  certificateRenewed: { id: 34050, level: 'info' },
  certificateRemoved: { id: 34051, level: 'info' },
  certificateNotRenewed: { id: 34052, level: 'warning' },
  certificateExpiring: { id: 34053, level: 'error' },
  certificateExpired: { id: 34054, level: 'error' },
  coreDumpsOn: { id: 34060, level: 'warning' },
  flowStarted: { id: 34070, level: 'info' },
  codeAsked: { id: 34071, level: 'info' },
  gateFailed: { id: 34072, level: 'warning' },
  flowClosed: { id: 34073, level: 'warning' },
  gatePassed: { id: 34074, level: 'info' },
  submitted: { id: 34075, level: 'info' },
  outcomeTold: { id: 34076, level: 'info' },
  breachUnchecked: { id: 34078, level: 'warning' },
  auditLost: { id: 34079, level: 'error' },
} as const satisfies Record<string, { id: number; level: Level }>
export type EventName = keyof typeof events

const id = /^[A-Za-z0-9_-]{1,64}$/
const word = /^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/
const hex8 = /^[0-9A-F]{8}$/

const shapes = {
  request: id,
  flow: id,
  agent: id,
  /** Object id of a cloud object: a number, not a name. */
  person: id,
  /** Object id of who ordered it. */
  administrator: id,
  boot: id,
  domain: id,
  keyVersion: id,
  /** The run that makes or retires key versions. */
  rollover: id,
  /** SHA-256 in hex. */
  hash: id,
  /** Thumbprint. */
  certificate: id,
  trace: id,
  outcome: word,
  fault: word,
  operation: word,
  queue: word,
  gate: word,
  route: word,
  reason: word,
  server: word,
  ldapHex: hex8,
  version: /^[0-9]+\.[0-9]+\.[0-9]+$/,
  ldapCode: 'number',
  detail: 'number',
  status: 'number',
  sequence: 'number',
  deliveries: 'number',
  ageMs: 'number',
  elapsedMs: 'number',
  attempt: 'number',
  count: 'number',
} as const
export type Fields = { [K in keyof typeof shapes]?: ((typeof shapes)[K] extends 'number' ? number : string) | undefined }

export type Log = (event: EventName, fields?: Fields) => void

/** Own names only: a field called `constructor` is on no list. */
const isField = (name: string): name is keyof typeof shapes => Object.hasOwn(shapes, name)

const fits = (name: keyof typeof shapes, value: unknown): boolean => {
  const shape = shapes[name]
  return shape === 'number' ? typeof value === 'number' && Number.isFinite(value) : typeof value === 'string' && shape.test(value)
}

/** `source` names the writing side; `write` gets one line without its newline. */
export function createLog(source: 'functions' | 'agent', write: (line: string) => void, clock: Clock = systemClock): Log {
  return (event, fields = {}) => {
    const kept = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => (isField(name) ? [name, fits(name, value) ? value : '[refused]'] : ['field', '[refused]']))
    const time = new Date(clock.now()).toISOString()
    write(JSON.stringify({ time, source, event, ...events[event], ...Object.fromEntries(kept) }))
  }
}
