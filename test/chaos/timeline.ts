/** What happened around one broken promise, in the order in which it did. */
import type { History } from './history.ts'
import type { Violation } from './judge.ts'

export function timeline(violation: Violation, history: History): string {
  const { request, user } = violation
  const mine = history.requests.filter(({ number, user: whose }) => number === request || (request === undefined && whose === user))
  const from = Math.min(...mine.map(({ submittedAt }) => submittedAt))
  const to = Math.max(...mine.flatMap(({ submittedAt, told }) => [submittedAt, ...told.map(({ at }) => at)]))
  const numbers = new Set(mine.map(({ number }) => number))
  const person = mine[0]?.user ?? user
  const lines = [
    ...mine.flatMap(({ number, submittedAt, told }) => [
      { at: submittedAt, text: `request ${number} of ${person} submitted` },
      ...told.map(({ at, code, effect, by }) => ({
        at,
        text: `request ${number} told: ${code} (${effect}), ${by === 'answer' ? 'in the answer' : 'in the flow'}`,
      })),
    ]),
    ...history.begun
      .filter(({ request }) => numbers.has(request))
      .map(({ at, request, agent, again, enqueuedAt }) => ({
        at,
        text: `${agent} begins the write of ${request}, ${at - enqueuedAt} ms after it was sent${again ? ', a redelivery' : ''}`,
      })),
    ...history.written.filter((write) => write.user === person).map(({ at, by }) => ({ at, text: `the directory has that of ${by}` })),
    ...history.others
      .filter((other) => other.user === person)
      .map(({ to, open }) => ({ at: to, text: `somebody else set one${open ? '' : ' that must be changed'}` })),
    ...history.faults
      .filter((fault) => fault.to >= from && fault.from <= to)
      .map(({ name, from }) => ({ at: from, text: `fault: ${name}` })),
  ]
  const near = lines.filter(({ at }) => at >= from - 1_000).toSorted((a, b) => a.at - b.at)
  const title = `BROKEN: ${violation.promise}${request === undefined ? '' : ` (request ${request})`}`
  return [title, ...near.map(({ at, text }) => `  ${String(Math.round(at - from)).padStart(7)} ms  ${text}`)].join('\n')
}

/** One line on a request that was answered with "unknown": how far it came, under which faults, and what became of it. */
export function whyUnknown(number: number, history: History): string {
  const request = history.requests[number]
  if (!request) return ''
  const { submittedAt, told } = request
  const answeredAt = told[0]?.at ?? submittedAt
  const begun = history.begun.filter((each) => each.request === number).length
  const names = history.faults.filter(({ from, to }) => from < answeredAt && to > submittedAt).map(({ name }) => name)
  const later = told.at(-1)
  const known = later && later.effect !== 'unknown' ? `${later.code} ${Math.round((later.at - answeredAt) / 1_000)} s later` : 'never known'
  return `unknown: request ${number} after ${answeredAt - submittedAt} ms, begun ${begun} times; ${known}; ${names.join(', ')}`
}
