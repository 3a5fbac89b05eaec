/**
 * Many people at once, as they are: each proves who they are, sends a new password, sometimes presses twice, sometimes tries
 * again after a no; and somebody else sets passwords on-premises meanwhile. Everything that is told goes into the history.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SampleUser } from '../../local/directory/seed.ts'
import { codeIn, type HttpAnswer, type ResetFlow, startReset } from '../../local/reset-client.ts'
import type { System } from '../../local/what-runs.ts'
import type { Effect, Other, Request, Told } from './history.ts'
import type { Random } from './random.ts'

export interface WorkloadOptions {
  system: System
  random: Random
  people: readonly SampleUser[]
  workers: number
  /** Nobody makes more than one flow: without the directory's own log, one password tells more than several. */
  onceEach: boolean
  /** Resolves when the request of this number may be made (chaos and load go side by side): false, if there are to be no more. */
  mayStart(number: number): Promise<boolean>
  /** The share of people whose password somebody else sets while they submit theirs. */
  othersShare: number
  /** Sets somebody's password past everything of ours; undefined where nobody does. */
  setElsewhere: ((person: SampleUser, password: string, mustChange: boolean) => Promise<void>) | undefined
}

export interface Submitted extends Request {
  password: string
  flow: ResetFlow
  repeated: boolean
}

export interface Workload {
  requests: Submitted[]
  others: (Other & { password: string })[]
  run(): Promise<void>
}

const mailWithinMs = 20_000

export function createWorkload({
  system,
  random,
  people,
  workers,
  onceEach,
  mayStart,
  othersShare,
  setElsewhere,
}: WorkloadOptions): Workload {
  const requests: Submitted[] = []
  const others: Workload['others'] = []
  const free = new Set(people)
  let passwords = 0

  return { requests, others, run: () => Promise.all(Array.from({ length: workers }, worker)).then(() => {}) }

  async function worker(): Promise<void> {
    while (await mayStart(requests.length)) {
      if (free.size === 0) return
      const person = random.pick([...free])
      free.delete(person)
      const submitted = await oneFlow(person)
      if (!onceEach || !submitted) free.add(person)
    }
  }

  /** False: a fault met them before they could submit anything. */
  async function oneFlow(person: SampleUser): Promise<boolean> {
    const flow = await passGate(system, person).catch(() => undefined)
    if (flow === undefined) {
      await sleep(200)
      return false
    }
    const elsewhere = setElsewhere && random.next() < othersShare ? setByAnother(person, setElsewhere) : undefined
    const first = await submit(person, flow, random.next() < 0.05)
    // Nothing was changed, and the same flow is still good: they try again.
    if (first.told.at(-1)?.effect === 'notChanged' && random.next() < 0.5) await submit(person, flow, false)
    await elsewhere
    return true
  }

  /** The request that was sent, of two presses. */
  async function submit(person: SampleUser, flow: ResetFlow, twice: boolean): Promise<Submitted> {
    const one = newRequest(person, flow)
    const sent = send(one)
    if (twice) {
      const other = newRequest(person, flow)
      await sleep(random.between(0, 60))
      await Promise.all([sent, send(other)])
      pair(one, other)
      // One may have been turned away before the other was sent.
      return [one, other].find(({ told }) => told.at(-1)?.effect !== 'notChanged') ?? one
    }
    await sent
    // The flow had ended by an earlier press: what it says is about that one's password.
    if (one.repeated) one.told.splice(0, one.told.length, notSent(one.told[0]?.at ?? 0))
    return one
  }

  /** Either of the two may be the one that was sent; the other one is answered with its outcome, and its own password was not looked at. */
  function pair(one: Submitted, other: Submitted): void {
    const [repeated, sent] = one.repeated ? [one, other] : [other, one]
    if (one.unanswered || other.unanswered || (one.repeated && other.repeated)) one.ambiguous = other.ambiguous = true
    else if (repeated.repeated) {
      const [told] = repeated.told.splice(0, 1)
      if (told) sent.told.push({ ...told, by: 'flow' })
      repeated.told.push(notSent(told?.at ?? 0))
    }
  }

  async function send(request: Submitted): Promise<void> {
    try {
      const answer = await request.flow.password(request.password)
      const told = toldBy(answer, 'answer')
      if (told === undefined) request.unanswered = true
      else request.told.push(told)
      request.repeated = answer.body?.repeated === true
    } catch {
      // The instance is gone, and with it whatever it would have said.
      request.unanswered = true
    }
  }

  function newRequest({ sam }: SampleUser, flow: ResetFlow): Submitted {
    const request: Submitted = {
      number: requests.length,
      user: sam,
      submittedAt: Date.now(),
      told: [],
      unanswered: false,
      ambiguous: false,
      repeated: false,
      flow,
      password: `Chaos-${++passwords}-${Math.floor(random.next() * 1e9)}-x`,
    }
    requests.push(request)
    return request
  }

  async function setByAnother(person: SampleUser, set: NonNullable<WorkloadOptions['setElsewhere']>): Promise<void> {
    await sleep(random.between(0, 400))
    const mustChange = random.next() < 0.3
    const password = `Else-${++passwords}-${Math.floor(random.next() * 1e9)}-x`
    const other = { user: person.sam, open: !mustChange, password, from: Date.now(), to: Number.POSITIVE_INFINITY }
    others.push(other)
    try {
      await set(person, password, mustChange)
      other.to = Date.now()
    } catch {
      // The directory was away: whether it was set, its own log tells.
    }
  }
}

/** Its password was not looked at. */
const notSent = (at: number): Told => ({ at, code: 'notSent', effect: 'notChanged', by: 'answer' })

/** What a call said of the effect; undefined: nothing yet. A flow that may be submitted, and was never, changed nothing. */
export function toldBy({ status, body }: HttpAnswer, by: Told['by']): Told | undefined {
  const said = (code: string, effect: Effect): Told => ({ at: Date.now(), code, effect, by })
  if (by === 'flow' && body?.state === 'verified' && !body.effect) return said('notSent', 'notChanged')
  if (body?.effect) return said(String(body.outcome ?? body.code), body.effect)
  // "This call changed nothing."
  if (status === 503 || ['wrongState', 'expiredFlow'].includes(body?.code)) return said(String(body.code), 'notChanged')
  return undefined
}

/** Throws where a fault meets it: nothing was submitted yet. */
async function passGate(system: System, { upn, mail }: SampleUser): Promise<ResetFlow> {
  const flow = await startReset(system.url, upn)
  const before = (await system.parts.mail.call('messages', mail)).length
  const challenged = await flow.challenge()
  if (challenged.status !== 202) throw new Error(`challenge: ${challenged.status}`)
  const code = codeIn((await system.parts.mail.call('waitFor', mail, before, mailWithinMs)).text)
  const verified = await flow.verify(code)
  if (verified.status !== 200) throw new Error(`verify: ${verified.status}`)
  return flow
}
