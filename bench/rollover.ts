/**
 * `npm run bench -- rollover`: all keys are rolled three times under steady load, with two agents, and nobody may notice.
 *
 * By the timer (the keys look 183 days old), by hand, and by switching the feature off and on. An agent proves new versions
 * with its next heartbeat, which is five minutes away: instead of waiting, each agent is stopped and started, as for an update,
 * which is one more thing nobody may notice. The overlap of 20 minutes is ended early, by an instance whose clock is ahead, as
 * soon as the instance that serves the resets must have followed the pointer: harder than what happens in earnest.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Run, rules } from '../functions/keys/run.ts'
import type { System } from '../local/what-runs.ts'
import { round, spread } from './figures.ts'
import { type Instance, openInstance } from './rollover-instance.ts'
import { type Load, startLoad } from './rollover-load.ts'
import { faultsOf, startWatch } from './rollover-watch.ts'

export interface RolloverResult {
  rollovers: Record<Kind, { adoptedS: number; oldDisabledS: number; resets: number }>
  resets: number
  p50Ms: number
  p99Ms: number
  failed: number
  failures: Record<string, number>
  /** What the function app logged of calls that failed. */
  faults: Record<string, number>
  /** Tries that were told "busy", or did not get as far as a submit, and were made again. */
  again: number
  /** While the feature was off. */
  disabled: number
  /** Messages under a package key version that was disabled by then, and what did not open at its receiver. */
  underDisabledVersion: number
  /** Package key versions that messages were sealed under. */
  versions: number
  /** Records of the evidence, and what is wrong with their chain. */
  evidence: number
  broken: string[]
}

const kinds = ['schedule', 'byHand', 'enable'] as const
type Kind = (typeof kinds)[number]

export const rolloverPeople = 24
const perS = 2
const aDayMs = 86_400_000
/** A pointer is read again every minute. */
const followedMs = 75_000
/** Every instance knows within ten seconds that the feature is off. */
const offMs = 15_000
const afterwardsMs = 15_000
const givenUpMs = 120_000

interface Bench {
  system: System
  /** By the system's clock, and past every overlap. */
  now: Instance
  later: Instance
}

export async function rolloverBench(system: System, progress: (line: string) => void): Promise<RolloverResult> {
  const bench = { system, now: openInstance(system), later: openInstance(system, rules.schedule.overlapMs + 60_000) }
  const watch = startWatch(system)
  const load = startLoad(system, perS)
  const rollovers = {} as RolloverResult['rollovers']
  await sleep(afterwardsMs)
  for (const kind of kinds) {
    rollovers[kind] = await rolled(bench, kind, load)
    progress(`${kind.padEnd(9)} ${JSON.stringify(rollovers[kind])}`)
  }
  await load.stop()
  const underDisabledVersion = await watch.underDisabledVersion()
  const { records, chain } = await bench.now.evidence.read()
  await Promise.all([bench.now.close(), bench.later.close()])
  const { p50, p99 } = spread(load.ms)
  const failed = Object.values(load.failed).reduce((sum, count) => sum + count, 0)
  const result = { rollovers, resets: load.done, p50Ms: p50, p99Ms: p99, failed, failures: load.failed, disabled: load.disabled }
  const more = {
    faults: await faultsOf(system),
    again: load.again,
    underDisabledVersion,
    versions: watch.versions(),
    evidence: records.length,
  }
  return { ...result, ...more, broken: [...chain.problems, ...brokenIn({ ...result, ...more })] }
}

function brokenIn({
  failed,
  underDisabledVersion,
  versions,
}: Pick<RolloverResult, 'failed' | 'underDisabledVersion' | 'versions'>): string[] {
  return [
    failed > 0 ? `${failed} resets failed` : '',
    underDisabledVersion > 0 ? `${underDisabledVersion} messages under a disabled version` : '',
    versions === kinds.length + 1 ? '' : `messages under ${versions} versions, not ${kinds.length + 1}`,
  ].filter((problem) => problem !== '')
}

async function rolled(bench: Bench, kind: Kind, load: Load): Promise<RolloverResult['rollovers'][Kind]> {
  const { system, now, later } = bench
  const before = load.done
  const beganAt = performance.now()
  const secondsSince = () => round((performance.now() - beganAt) / 1_000, 1)
  await begin(bench, kind)
  await until(bench, kind, (run) => run.why === kind && run.step !== 'make')
  if (kind !== 'enable') await restartAgents(system)
  await until(bench, kind, (run) => run.step === 'overlap')
  const adoptedS = secondsSince()
  await sleep(followedMs)
  await later.rollover.drive()
  const last = await now.rollover.last()
  if (last?.step !== 'done') throw new Error(`the run is at ${last?.step}, not done: ${last?.trouble ?? last?.problem ?? ''}`)
  const oldDisabledS = secondsSince()
  await sleep(afterwardsMs)
  return { adoptedS, oldDisabledS, resets: load.done - before }
}

async function begin({ system, now }: Bench, kind: Kind): Promise<void> {
  const by = 'bench'
  if (kind === 'schedule') await system.parts.vault.call('age', 183 * aDayMs)
  else if (kind === 'byHand') await now.rollover.begin({ why: 'byHand', reason: 'bench', by })
  else {
    await now.feature.turn(false, 'bench', by)
    await now.offboard()
    await sleep(offMs)
    await now.rollover.begin({ why: 'enable', reason: 'bench', by })
  }
}

/**
 * Every second instead of every quarter of an hour: by the timer's own function in the instance that serves the resets, or by the
 * other instance, so that the one that serves has to notice.
 */
async function until({ system, now }: Bench, kind: Kind, there: (run: Run) => boolean): Promise<void> {
  const giveUp = AbortSignal.timeout(givenUpMs)
  for (;;) {
    if (kind === 'schedule') await system.parts.host.call('run', 'keepKeys')
    else await now.rollover.drive()
    const run = await now.rollover.last()
    if (run && there(run)) return
    if (giveUp.aborted) throw new Error(`the run is still at ${run?.step}: ${run?.trouble ?? ''}`)
    await sleep(1_000)
  }
}

/** One after another: there is always one that works. */
async function restartAgents(system: System): Promise<void> {
  for (const name of new Set(system.agents.map((agent) => agent.name))) {
    await system.agents.findLast((agent) => agent.name === name)?.stop()
    const again = await system.startAgain(name)
    await again.startMs()
  }
}
