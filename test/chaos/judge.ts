/**
 * Holds a history against the promises of docs/reliability.md. Pure: the same history is always judged the same.
 */
import type { Begun, History, Limits, Request, Told, Written } from './history.ts'

export interface Violation {
  promise: string
  request?: number
  user?: string
  at: number
}

export interface Verdict {
  violations: Violation[]
  /** Requests whose submit was answered with "unknown", and those of them under which no fault was at work. */
  unknown: number[]
  unknownUnexplained: number[]
}

/** An answer takes its time on a busy machine; nobody waits for ever. */
const graceMs = 5_000

/** For so long an instance asks again. */
const followedMs = 300_000

/** After these a password may have been set, if it is not in force any more: somebody else's is. */
const mayHaveBeen = ['superseded', 'expired']

export function judge(history: History, limits: Limits): Verdict {
  const writes = groupBy(history.written, ({ user }) => user)
  const violations = [
    ...history.requests.flatMap((request) => judgeRequest(request, writes.get(request.user) ?? [], history, limits)),
    ...history.begun.flatMap((begun) => judgeBegun(begun, history, limits)),
    ...[...history.inForce].flatMap(([user, by]) => judgeInForce(user, by, writes.get(user) ?? [])),
    ...(history.left > 0 ? [{ promise: `${history.left} messages are left on the queues`, at: Number.MAX_SAFE_INTEGER }] : []),
  ]
  const unknown = history.requests.filter(({ told }) => told.some(({ by, effect }) => by === 'answer' && effect === 'unknown'))
  return {
    violations: violations.toSorted((a, b) => a.at - b.at),
    unknown: unknown.map(({ number }) => number),
    unknownUnexplained: unknown.filter((request) => !isExplained(request, history)).map(({ number }) => number),
  }
}

function judgeRequest(request: Request, writes: readonly Written[], history: History, limits: Limits): Violation[] {
  const { number, user, submittedAt, told, unanswered } = request
  const broken = (promise: string, at: number): Violation => ({ promise, request: number, user, at })
  const ours = writes.filter(({ by }) => by === number)
  const words = request.ambiguous ? [] : told
  const found = words.flatMap((word) => brokenWord(word, number, ours, writes).map((promise) => broken(promise, word.at)))
  if (ours.length > 1) found.push(broken('it was set twice', ours[1]?.at ?? 0))
  const [answer] = told.filter(({ by }) => by === 'answer')
  if (answer && answer.at - submittedAt > limits.answerMs + graceMs) found.push(broken('nobody waits beyond the answer time', answer.at))
  // No agent had it, and the instance that would have asked again is gone: docs/reliability.md, what is not promised.
  const forgotten =
    ours.length === 0 &&
    history.faults.some(({ name, from }) => name === 'functionsKilled' && from > submittedAt && from < submittedAt + followedMs)
  if (words.at(-1)?.effect === 'unknown' && !forgotten) found.push(broken('"unknown" was never settled', told.at(-1)?.at ?? 0))
  if (told.length === 0 && !request.ambiguous && !(unanswered && forgotten)) found.push(broken('nobody was ever told', submittedAt))
  return found
}

function brokenWord({ at, code, effect }: Told, number: number, ours: readonly Written[], writes: readonly Written[]): string[] {
  const inForce = writes.filter((write) => write.at <= at).at(-1)
  if (effect === 'changed') return ours.some((write) => write.at <= at) ? [] : [`told "${code}", and the directory did not have it`]
  if (effect === 'unknown') return []
  if (ours.some((write) => write.at > at)) return [`told "${code}", and it was set afterwards`]
  if (inForce?.by === number) return [`told "${code}", and it was set`]
  return ours.length > 0 && !mayHaveBeen.includes(code) ? [`told "${code}", and it had been set`] : []
}

function judgeBegun({ at, request, enqueuedAt, again, lookedAt, agent }: Begun, history: History, limits: Limits): Violation[] {
  const user = history.requests.find(({ number }) => number === request)?.user ?? ''
  const broken = (promise: string): Violation => ({ promise: `${promise} (${agent})`, request, user, at })
  const late = at - enqueuedAt > limits.startWithinMs ? [broken(`begun ${at - enqueuedAt} ms after it was sent`)] : []
  // Somebody else's, set after the message was sent and before the directory was asked: seen, and not to be written over.
  const newer = history.others.some((other) => other.open && other.user === user && other.from > enqueuedAt && other.to < lookedAt)
  return again && newer ? [...late, broken('begun over a newer password')] : late
}

function judgeInForce(user: string, by: Written['by'] | 'the first' | undefined, writes: readonly Written[]): Violation[] {
  const last = writes.at(-1)?.by ?? 'the first'
  return by === last
    ? []
    : [{ promise: `the password of ${String(last)} should be in force, and that of ${String(by)} is`, user, at: Number.MAX_SAFE_INTEGER }]
}

function isExplained({ submittedAt, told }: Request, { faults }: History): boolean {
  const answeredAt = told[0]?.at ?? Number.POSITIVE_INFINITY
  return faults.some(({ from, to }) => from < answeredAt && to > submittedAt)
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group) group.push(item)
    else groups.set(keyOf(item), [item])
  }
  return groups
}
