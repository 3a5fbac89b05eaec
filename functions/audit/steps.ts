/**
 * The steps of people, as events with the ids of docs/outcomes.md: logged at once, stored behind the answer, several in a row.
 *
 * Nobody waits for the store. What cannot be stored is tried again; what has to be dropped is counted in the log
 * (`auditLost`), where each step stands anyway. What anybody at all can cause (a start, a wrong code) is counted and
 * stored once a minute: a stranger cannot fill the store. Ids alone: no name, address, code or password is in a step.
 */
import type { Clock } from '../../shared/clock.ts'
import { faultWord, isFault } from '../../shared/fault.ts'
import type { EventName, Log } from '../../shared/log.ts'
import type { OutcomeKind } from '../../shared/outcome.ts'
import type { Operation } from '../../shared/payload.ts'
import type { Rows } from '../store/rows.ts'
import { auditTable, dayPartition, newPlace } from './place.ts'

export type StepName = Extract<
  EventName,
  'flowStarted' | 'codeAsked' | 'gateFailed' | 'flowClosed' | 'gatePassed' | 'submitted' | 'outcomeTold' | 'settled' | 'methodChanged'
>
export type CountedName = Extract<StepName, 'flowStarted' | 'codeAsked' | 'gateFailed' | 'flowClosed'>

export interface Step {
  /** ms since the epoch. */
  at: number
  event: StepName
  flow?: string | undefined
  /** The message-id. */
  request?: string | undefined
  /** Object id of the person it is about. */
  subject?: string | undefined
  /** Object id of the administrator who ordered it. */
  who?: string | undefined
  gate?: string | undefined
  operation?: Operation | 'added' | 'removed' | undefined
  outcome?: OutcomeKind | undefined
  /** Of so many that are told as one. */
  count?: number | undefined
}

export interface Steps {
  add(step: Omit<Step, 'at'> & { at?: number | undefined }): void
  /** The same, of what is in the log already. */
  keep(step: Omit<Step, 'at'> & { at?: number | undefined }): void
  count(event: CountedName): void
  /** Tries to store what waits; resolves when it is stored or has failed. `counts`: the minute's, too, though it is not over. */
  flush(options?: { counts: boolean }): Promise<void>
}

/** One row of a day. */
export interface StepRow {
  steps: Step[]
}

export interface StepsDeps {
  rows: Pick<Rows, 'put'>
  clock: Clock
  log: Log
}

const behindMs = 500
const againMs = 5_000
export const countedMs = 60_000
export const stepsPerRow = 50
/** While the store is away. */
export const maxWaiting = 5_000
/** A row spans no more than this, so that a reader knows how far from its key a step can be. */
export const rowSpanMs = 60_000

export function openSteps({ rows, clock, log }: StepsDeps): Steps {
  /** Row key by batch: a batch whose first write was not answered is written to the same place again. */
  const batches: { place: string; steps: Step[] }[] = []
  const counts = new Map<CountedName, number>()
  let waiting: Step[] = []
  let dropped = 0
  let timed = false
  let writing: Promise<void> = Promise.resolve()

  const size = () => waiting.length + batches.reduce((sum, { steps }) => sum + steps.length, 0)

  function add(step: Parameters<Steps['add']>[0]): void {
    const { event, at: _, subject, who, ...same } = step
    log(event, { ...same, person: subject, administrator: who })
    keep(step)
  }

  function keep({ at = clock.now(), ...facts }: Parameters<Steps['add']>[0]): void {
    if (size() < maxWaiting) waiting.push({ at, ...facts })
    else dropped += 1
    flushIn(behindMs)
  }

  function flushIn(ms: number): void {
    if (timed) return
    timed = true
    void clock.sleep(ms, { unref: true }).then(() => {
      timed = false
      return flush()
    })
  }

  function count(event: CountedName): void {
    if (counts.size === 0) void clock.sleep(countedMs, { unref: true }).then(tellCounts)
    counts.set(event, (counts.get(event) ?? 0) + 1)
  }

  function tellCounts(): void {
    const told = [...counts]
    counts.clear()
    for (const [event, times] of told) add({ event, count: times })
  }

  function flush(options: { counts: boolean } = { counts: false }): Promise<void> {
    if (options.counts) tellCounts()
    writing = writing.then(write)
    return writing
  }

  async function write(): Promise<void> {
    if (dropped > 0) log('auditLost', { count: dropped })
    dropped = 0
    batches.push(...batched(waiting))
    waiting = []
    for (let batch = batches[0]; batch; batch = batches[0]) {
      try {
        await rows.put<StepRow>(auditTable, dayPartition(batch.steps[0]?.at ?? 0), batch.place, { steps: batch.steps })
      } catch (error) {
        if (isFault(error) && !error.permanent) return flushIn(againMs)
        log('auditLost', { count: batch.steps.length, fault: faultWord(error) })
      }
      batches.shift()
    }
  }

  return { add, keep, count, flush }
}

/** Newest first; each within one minute, so within one day. */
function batched(steps: readonly Step[]): { place: string; steps: Step[] }[] {
  const minutes = Map.groupBy(
    steps.toReversed().toSorted((a, b) => b.at - a.at),
    ({ at }) => Math.floor(at / rowSpanMs),
  )
  return [...minutes.values()].flatMap((minute) =>
    Array.from({ length: Math.ceil(minute.length / stepsPerRow) }, (_, n) => {
      const some = minute.slice(n * stepsPerRow, (n + 1) * stepsPerRow)
      return { place: newPlace(some[0]?.at ?? 0), steps: some }
    }),
  )
}
