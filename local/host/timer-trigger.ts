/**
 * The timer trigger: runs a function whenever its schedule says so, never twice at once.
 *
 * Times are UTC and come from the injected clock. Not kept: the last run across restarts (the real host keeps it in a
 * blob and then reports `isPastDue`); here a missed occurrence is simply missed. `runOnStartup` is honoured.
 */
import { resolveExpressions } from './host-json.ts'
import { triggerOf } from './invoke.ts'
import { nextOccurrence, parseSchedule } from './ncrontab.ts'
import type { RegisteredFunction, TypedData } from './rpc.ts'
import { asJson, type Trigger, type TriggerContext } from './trigger.ts'

/** A sleep longer than this would overflow Node's timer. */
const longestSleepMs = 86_400_000

/** What the function gets: .NET names, which the library turns into camel case. */
export function timerData(isPastDue: boolean): TypedData {
  const never = '0001-01-01T00:00:00'
  return asJson({
    Schedule: { AdjustForDST: true },
    ScheduleStatus: { Last: never, Next: never, LastUpdated: never },
    IsPastDue: isPastDue,
  })
}

export function startTimerTrigger(target: RegisteredFunction, { settings, invoker, clock }: TriggerContext): Trigger {
  const { binding } = triggerOf(target)
  const schedule = parseSchedule(resolveExpressions(String(binding['schedule']), settings))
  const stopping = new AbortController()
  const { signal } = stopping

  async function sleepUntil(atMs: number): Promise<void> {
    for (let leftMs = atMs - clock.now(); leftMs > 0; leftMs = atMs - clock.now()) {
      await clock.sleep(Math.min(leftMs, longestSleepMs), { signal, unref: true })
    }
  }

  async function run(): Promise<void> {
    if (binding['runOnStartup'] === true) await invoker.invoke(target, { data: timerData(false) })
    while (!signal.aborted) {
      const nextMs = nextOccurrence(schedule, clock.now())
      if (nextMs === undefined) return
      await sleepUntil(nextMs)
      await invoker.invoke(target, { data: timerData(false) })
    }
  }
  // The only thing that throws in `run` is a sleep that was ended.
  const running = run().catch(() => undefined)

  return {
    ready: Promise.resolve(),
    stop: async () => stopping.abort(),
    close: () => running,
  }
}
