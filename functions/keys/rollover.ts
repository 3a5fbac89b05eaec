/**
 * Rollovers: begins a run, takes it on from wherever it stands, and keeps the keys in order every quarter of an hour.
 *
 * Any instance may do any of it at any time. A run is claimed by a conditional write before it is worked on, so that two who
 * come at once do not both make versions; a claim is over after two minutes, when its holder has died. What a step does may be
 * done again without harm (rollover-steps.ts), so nothing depends on a claim being right.
 */
import { randomUUID } from 'node:crypto'
import { Fault, faultWord, isFault } from '../../shared/fault.ts'
import { type KeyPointer, type PointerRow, readPointer, replacePointer } from './pointer.ts'
import { createSteps, disableUnder, type Held, type StepDeps } from './rollover-steps.ts'
import { isOpen, isOver, keyNames, type Run, rules, type Why, type WorkStep } from './run.ts'
import { type Facts, listVersions, unnamed } from './versions.ts'

export interface Wish {
  why: Exclude<Why, 'first'>
  reason: string
  by: string
  /** Adopt what one agent has proved, though not every live one has. */
  override?: boolean | undefined
  /** Of `enable`: when the feature was switched last. A run begun before that no longer enables anything. */
  switchedAt?: number | undefined
}

export interface Rollover {
  /** Idempotent where it can be: who asks again for what is under way gets that run. */
  begin(wish: Wish): Promise<Run>
  /** As far as it goes now; what does not work is logged and tried again by the next. Answers the last run. */
  drive(): Promise<Run | undefined>
  /** The timer's: takes on what is under way, clears up, begins what is due. */
  keep(): Promise<void>
  last(): Promise<Run | undefined>
}

const dayMs = 86_400_000
export const maxKeyAgeMs = 182 * dayMs
/** Eight days of tries have failed by then. */
const overdueMs = 190 * dayMs
/** Tokens issued before an agent was revoked are good for up to 90 minutes. */
const againAfterMs = 95 * 60_000
const claimMs = 120_000
/** After an abandoned one: agents that could not prove a version today are given a day. */
const scheduleAgainMs = dayMs
/** A row holds no more of them with long reasons. Of those before, the chain says how far they came. */
const maxBefore = 20

export function createRollover(deps: StepDeps): Rollover {
  const { rows, pointer, clock, log } = deps
  const steps = createSteps(deps)
  return { begin, drive, keep, last: async () => (await read()).pointer.run }

  async function read(): Promise<PointerRow> {
    // Written under the state key that it names: who works on a run has followed. Makes the first keys if need be.
    await pointer.follow()
    const row = await readPointer(rows)
    return row ?? read()
  }

  async function save<P extends KeyPointer>(next: P, etag: string): Promise<{ pointer: P; etag: string }> {
    return { pointer: next, etag: await replacePointer(rows, next, etag) }
  }

  async function begin(wish: Wish, again = false): Promise<Run> {
    const row = await read()
    const { run } = row.pointer
    // It may end abandoned, and then nobody would be cut off: the caller is told to look, and comes again.
    if (wish.why === 'enable' && isCutting(run)) throw new Fault('STORE_CONFLICT', 'agents are being cut off')
    const next = run !== undefined && !isOver(run) && serves(run, wish) ? joined(row.pointer, run, wish) : begun(row.pointer, wish, again)
    try {
      if (next !== row.pointer) await save(next, row.etag)
      return next.run ?? begin(wish, again)
    } catch (error) {
      // Somebody took a step meanwhile.
      if (isFault(error, 'STORE_CONFLICT')) return begin(wish, again)
      throw error
    }
  }

  function joined(current: KeyPointer, run: Run, { override, reason }: Wish): KeyPointer {
    if (!override || run.overridden !== undefined) return current
    const { claim, ...free } = run
    // Whoever waits for proofs finds the row changed: the one who overrides goes on at once.
    return { ...current, run: { ...free, overridden: reason, ...(run.step === 'make' && claim && { claim }) } }
  }

  function begun(current: KeyPointer, { why, reason, by, override }: Wish, again: boolean): KeyPointer {
    const { run } = current
    const now = clock.now()
    const before = run !== undefined && !isOver(run) ? [...run.before, takenOver(run, current)].slice(-maxBefore) : []
    // What an incident has not rolled yet is still to be rolled, whoever is revoked meanwhile.
    const rolled = run?.why === 'incident' && isCutting(run) ? 'incident' : why
    const fresh: Run = { id: randomUUID(), why: rolled, step: 'make', startedAt: now, reason, by, proofs: [], before }
    if (override) fresh.overridden = reason
    const more = rules[why].cut && { again: again ? undefined : { at: now + againAfterMs, reason, by } }
    return { ...current, ...more, run: fresh }
  }

  async function drive(): Promise<Run | undefined> {
    try {
      for (let row = await claimed(); row !== undefined; ) row = await advanced(row)
    } catch (error) {
      // Taken over: whoever did goes on.
      if (!isFault(error, 'STORE_CONFLICT')) log('rolloverFailed', { fault: faultWord(error) })
    }
    return (await read()).pointer.run
  }

  async function claimed(): Promise<Held | undefined> {
    const { pointer: current, etag } = await read()
    const { run } = current
    if (run === undefined || isOver(run) || (run.claim && run.claim.until > clock.now())) return undefined
    return save({ ...current, run: claim(run) }, etag)
  }

  function claim(run: Run): Run {
    return { ...run, claim: { until: clock.now() + claimMs } }
  }

  /** One step; undefined when nothing more can be done now. */
  async function advanced(row: Held): Promise<Held | undefined> {
    const { run } = row.pointer
    const step = run.step as WorkStep
    try {
      const result = await steps[step](row)
      const next = result?.pointer ?? row.pointer
      const rests = result === undefined || result.wait === true || isOver(next.run)
      const { claim: _, trouble: __, ...free } = next.run
      const saved = await save({ ...next, run: rests ? free : claim(free) }, row.etag)
      return rests ? undefined : saved
    } catch (error) {
      if (isFault(error, 'STORE_CONFLICT')) throw error
      log('rolloverFailed', { rollover: run.id, operation: run.why, reason: step, fault: faultWord(error) })
      const { claim: _, ...free } = run
      await save({ ...row.pointer, run: { ...free, trouble: `${step}: ${faultWord(error)}` } }, row.etag)
      return undefined
    }
  }

  async function keep(): Promise<void> {
    const last = await drive()
    if (last && !isOver(last)) return tellAge((await read()).pointer, await listVersions(deps.vault))
    await inOrder().catch((error: unknown) => {
      if (!isFault(error, 'STORE_CONFLICT')) throw error
    })
  }

  async function inOrder(): Promise<void> {
    const row = await read()
    // What starts and runs that died have left, and nothing that is still under way: the row would be another one.
    const facts = await disableUnder(row, (all) => unnamed(row.pointer, all), keyNames, deps)
    await tellAge(row.pointer, facts)
    const { again } = row.pointer
    if (again && again.at <= clock.now()) await begin({ why: 'revoke', reason: again.reason, by: again.by }, true)
    else if (await isDue(row.pointer, facts)) await begin({ why: 'schedule', reason: 'a key is older than 182 days', by: 'system' })
    else return
    await drive()
  }

  /** While the feature is off nothing is sealed, and enabling it rolls every key. */
  async function isDue(current: KeyPointer, facts: Facts): Promise<boolean> {
    const { run } = current
    const now = clock.now()
    if (run?.why === 'schedule' && run.step === 'abandoned' && now < run.startedAt + scheduleAgainMs) return false
    return ageMs(current, facts) >= maxKeyAgeMs && (await deps.feature.isOn())
  }

  /** Of the oldest key in use. */
  function ageMs(current: KeyPointer, facts: Facts): number {
    const madeAt = keyNames.flatMap((name) => facts[name].find(({ version }) => version === current[name])?.createdAt ?? [])
    return clock.now() - Math.min(...madeAt)
  }

  /** A rollover that fails quietly, day after day, must not stay quiet. */
  async function tellAge(current: KeyPointer, facts: Facts): Promise<void> {
    const age = ageMs(current, facts)
    if (age >= overdueMs && (await deps.feature.isOn())) log('keysOverdue', { count: Math.floor(age / dayMs) })
  }
}

/** What cuts off an agent is always begun anew: the versions of the run before were made while that agent was trusted. */
function serves(run: Run, { why, switchedAt = 0 }: Wish): boolean {
  if (rules[why].cut) return false
  if (why === 'enable') return run.why === 'enable' && isOpen(run) && switchedAt <= run.startedAt
  return why === 'schedule' || isOpen(run) || run.step === 'adopt' || run.step === 'abandon'
}

/** The old shared keys are not disabled yet. */
const isCutting = (run: Run | undefined): boolean => run !== undefined && rules[run.why].cut && (isOpen(run) || run.step === 'adopt')

const takenOver = ({ id, why, reason, by, made }: Run, { rolloverId }: KeyPointer): Run['before'][number] => ({
  id,
  why,
  reason,
  by,
  adopted: rolloverId === id,
  ...(made && { made }),
})
