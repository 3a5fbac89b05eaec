/**
 * `npm run bench -- recovery`: how long after a fault the next reset succeeds, for somebody who keeps trying.
 *
 * People passed the gate before, so that a success is one submit. They submit every half second while the fault lasts
 * (not counted), and from its end on every 100 ms, each a flow of its own, without waiting for one another. What counts is the
 * time from the end to the first "changed" among those who submitted after it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ResetFlow } from '../local/reset-client.ts'
import type { System } from '../local/what-runs.ts'
import { round } from './figures.ts'
import { extraUsersOf, passGates, submit } from './people.ts'
import { faults, type RecoveryFault } from './recovery-faults.ts'

export interface RecoveryResult {
  recovery: Partial<Record<RecoveryFault, { s: number }>>
  worstS: number
}

const flowsEach = 45
export const recoveryFaults = Object.keys(faults) as RecoveryFault[]
export const recoveryUsers = (only: readonly RecoveryFault[]) => (only.length + 1) * flowsEach

const whileItLastsMs = 500
const afterwardsMs = 100
const givenUpMs = 60_000

export async function recoveryBench(
  system: System,
  only: readonly RecoveryFault[],
  progress: (line: string) => void,
): Promise<RecoveryResult> {
  const users = extraUsersOf(system)
  const recovery: RecoveryResult['recovery'] = {}
  for (const [at, name] of only.entries()) {
    const crowd = openCrowd(system, await passGates(system, users.slice(at * flowsEach, (at + 1) * flowsEach)), `${at}`)
    await untilHealthy(crowd, name)
    recovery[name] = { s: round((await recoveryMs(system, name, crowd)) / 1_000) }
    progress(`${name.padEnd(18)} ${recovery[name].s.toFixed(2)} s`)
    await crowd.whenAnswered()
  }
  return { recovery, worstS: Math.max(...Object.values(recovery).map(({ s }) => s)) }
}

/** What one fault left behind is not the next one's. */
async function untilHealthy(crowd: Crowd, name: RecoveryFault): Promise<void> {
  const deadline = AbortSignal.timeout(400_000)
  while (!(await crowd.submit())) {
    if (deadline.aborted) throw new Error(`before ${name}: no reset succeeds any more`)
    await sleep(1_000)
  }
}

async function recoveryMs(system: System, name: RecoveryFault, crowd: Crowd): Promise<number> {
  const ended = new AbortController()
  const during = keepSubmitting(crowd, whileItLastsMs, ended.signal)
  await faults[name](system)
  const endedAt = performance.now()
  ended.abort()
  const again = new AbortController()
  const after = keepSubmitting(crowd, afterwardsMs, AbortSignal.any([again.signal, AbortSignal.timeout(givenUpMs)]))
  const first = await Promise.race([after.first, sleep(givenUpMs, Number.NaN, { ref: false })])
  again.abort()
  during.first.catch(() => {})
  return first - endedAt
}

/** `first`: when the first of them was told "changed". */
function keepSubmitting(crowd: Crowd, everyMs: number, signal: AbortSignal): { first: Promise<number> } {
  const { promise: first, resolve } = Promise.withResolvers<number>()
  void (async () => {
    while (!signal.aborted) {
      void crowd.submit().then((done) => done && resolve(performance.now()))
      await sleep(everyMs)
    }
  })()
  return { first }
}

interface Crowd {
  /** Somebody submits; true if told "changed". Nobody is left: false. */
  submit(): Promise<boolean>
  /** When everybody who submitted has an answer. */
  whenAnswered(): Promise<void>
}

function openCrowd(system: System, flows: ResetFlow[], name: string): Crowd {
  const open = new Set<Promise<unknown>>()
  let count = 0
  async function submitOne(flow: ResetFlow): Promise<boolean> {
    count += 1
    const { status, text } = await submit(system.url, flow, `Fresh-Horse-${name}-${count}-Battery!`)
    // Told that nothing was changed, one may try again on the same flow.
    if (status !== 200 && text.includes('"verified"')) flows.push(flow)
    return status === 200
  }
  return {
    async submit() {
      const flow = flows.shift()
      if (!flow) return false
      const answer = submitOne(flow).catch(() => false)
      open.add(answer)
      void answer.finally(() => open.delete(answer))
      return answer
    },
    async whenAnswered() {
      await Promise.all(open)
    },
  }
}
