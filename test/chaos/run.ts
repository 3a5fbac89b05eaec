/**
 * One run: the whole system, many people, fault after fault; then quiet, until everybody knows; then the truth is read from
 * the directory and the history judged.
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Forwarder, startForwarder } from '../../local/forwarder.ts'
import { startSystem } from '../../local/system.ts'
import type { System } from '../../local/what-runs.ts'
import { setOnPremises } from '../journey/faults.fixture.ts'
import { agentScript, type BegunLine, gatherCrew } from './crew.ts'
import { type Fire, faultsOn } from './faults.ts'
import type { FaultFired, History } from './history.ts'
import { judge, type Verdict } from './judge.ts'
import { type Random, seeded } from './random.ts'
import { readTruth } from './truth.ts'
import { createWorkload, type Submitted, toldBy } from './workload.ts'

export interface ChaosOptions {
  seed: number
  resets: number
  agents: number
  directory: 'embedded' | 'samba'
  /** Names of faults; all of them if absent. */
  faults?: readonly string[]
  /** See WorkloadOptions. */
  othersShare: number
  /** So many faults at a time. One: the next comes when everybody whom the last one met has an answer, so that no two meet anybody. */
  atOnce: number
  /** One fault every so many ms for a minute, whatever the load does meanwhile; by the load's progress if absent. */
  everyMs?: number
  folder: string
  progress(line: string): void
}

export interface ChaosResult extends Verdict {
  history: History
  fired: Record<string, number>
  /** ms, of answers to a submit. */
  slowestAnswerMs: number
}

/** How often each fault comes: five times in a long run, and one for every three requests where only some are wanted. */
const roundsOf = (resets: number, chosen: number, onlySome: boolean) =>
  Math.max(1, Math.min(5, Math.floor(resets / 200)), onlySome ? Math.floor(resets / 3 / chosen) : 0)
/** The shortest that hold together, so that a run takes minutes (shared/times.ts). */
export const times = { ldapMs: 3_000, lockMs: 4_500, startWithinMs: 7_000, ttlMs: 12_000, answerMs: 15_500 }
/** People at a time. Each has a request under way for most of it: so many are met by a fault that meets all. */
const workers = 4
/** A connection that is dead and open keeps its credit at the broker: what is handed to it comes back a lock later, once or twice. */
const lingersMs: Record<string, number> = { halfOpen: 2 * times.lockMs }
/** By so many requests the load may be ahead of the faults: most of them need some to meet. */
const lead = 60
/** Dead, looked at every 5 s, swept every minute. */
const settlesWithinMs = 150_000

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const { seed, resets, agents, directory, folder, progress } = options
  const random = seeded(seed)
  let forwarder: Forwarder | undefined
  const system = await startSystem({
    folder,
    agents,
    directory,
    times,
    agentScript,
    extraUsers: directory === 'samba' ? resets : Math.min(resets, 200),
    async agentsReach(target) {
      forwarder ??= await startForwarder(target.url)
      return { ...target, url: `ldaps://${forwarder.address}` }
    },
  })
  try {
    if (forwarder === undefined) throw new Error('no agent was started')
    return await disturb({ ...options, random, system, forwarder, progress })
  } finally {
    await system.close()
    await forwarder?.close()
  }
}

async function disturb(run: ChaosOptions & { random: Random; system: System; forwarder: Forwarder }): Promise<ChaosResult> {
  const { random, system, forwarder, resets, directory, everyMs, atOnce, othersShare, progress } = run
  await system.parts.directory.call('setPolicy', { minPwdAgeMs: 0 })
  const begun: BegunLine[] = []
  const crew = gatherCrew(system, random, (line) => begun.push(line))
  const known = new Map<string, number>()
  const scene = { system, forwarder, crew, random }
  const plan = planOf(faultsOn(directory), run)
  const faults: FaultFired[] = []
  let begunFaults = 0
  const planned = plan.length
  /** Faults that met nobody are tried again, and need people to meet. */
  const most = directory === 'samba' ? resets : Math.round(resets * 1.25)
  const people = system.forest.users.filter(({ sam }) => sam.startsWith('user'))
  const workload = createWorkload({
    system,
    random,
    people,
    workers,
    onceEach: directory === 'samba',
    othersShare,
    setElsewhere:
      directory === 'embedded' ? (person, password, mustChange) => setOnPremises(system, person, password, mustChange) : undefined,
    // Load waits for the faults to come, and faults (below) for the load.
    async mayStart(number) {
      if (everyMs !== undefined) return faults.length < planned
      while (begunFaults < plan.length && number > (begunFaults * resets) / planned + lead && number < resets) await sleep(50)
      return number < resets || (faults.length < planned && number < most)
    },
  })

  let over = false
  const watching = (async () => {
    while (!over) {
      for (const { messageId, enqueuedAt } of await system.parts.bus.call('recent', 'requests').catch(() => []))
        if (!known.has(messageId)) known.set(messageId, enqueuedAt)
      await sleep(500)
    }
  })()
  const firing = Promise.all(Array.from({ length: everyMs === undefined ? atOnce : 1 }, breaker))
  const ticker = setInterval(
    () => progress(`${workload.requests.length} of ${resets} requests, ${faults.length} of ${planned} faults`),
    10_000,
  )
  await Promise.all([workload.run(), firing])
  clearInterval(ticker)
  progress('quiet: waiting until everybody knows')
  await calm(scene)
  await everybodyKnows(workload.requests)
  await readAgain(workload.requests)
  over = true
  await watching
  const left = await messagesLeft(system)
  const truth = await readTruth(system, workload, directory)
  const numbers = new Map(workload.requests.map(({ number, password }) => [digest(password), number]))
  const history: History = {
    requests: workload.requests.map(({ password: _, flow: __, repeated: ___, ...request }) => request),
    begun: begun.map(({ digest, messageId, ...line }) => ({
      ...line,
      request: numbers.get(digest) ?? -1,
      enqueuedAt: known.get(messageId) ?? Number.NaN,
    })),
    others: workload.others.map(({ password: _, ...other }) => other),
    faults,
    left,
    ...truth,
  }
  const fired: Record<string, number> = Object.fromEntries([...new Set(plan.map(([name]) => name))].map((name) => [name, 0]))
  for (const { name } of faults) fired[name] = (fired[name] ?? 0) + 1
  const waits = history.requests.flatMap(({ submittedAt, told }) =>
    told.filter(({ by }) => by === 'answer').map(({ at }) => at - submittedAt),
  )
  return { ...judge(history, times), history, fired, slowestAnswerMs: Math.max(0, ...waits) }

  async function breaker(): Promise<void> {
    for (let at = begunFaults++; at < plan.length; at = begunFaults++) {
      const [name, fire] = plan[at] ?? ['', async () => false]
      if (everyMs !== undefined) await sleep(everyMs)
      else while (workload.requests.length < Math.min((at * resets) / planned, resets - 1)) await sleep(20)
      const from = Date.now()
      // What met nobody comes again at the end.
      if (await fire(scene)) faults.push({ name, from, to: Date.now() + (lingersMs[name] ?? 1_000) })
      else if (workload.requests.length < most) plan.push([name, fire])
      if (atOnce === 1) await everybodyAnswered(workload.requests)
    }
  }
}

/** Every fault as often, in an order by chance. */
function planOf(all: Record<string, Fire>, { faults, random, resets, everyMs }: ChaosOptions & { random: Random }): [string, Fire][] {
  const chosen = Object.entries(all).filter(([name]) => faults === undefined || faults.includes(name))
  const rounds = everyMs === undefined ? roundsOf(resets, chosen.length, faults !== undefined) : Math.ceil(60_000 / everyMs / chosen.length)
  return Array.from({ length: rounds }, () => random.shuffled(chosen)).flat()
}

async function calm({ system, forwarder, crew }: Parameters<Fire>[0]): Promise<void> {
  forwarder.resume()
  await crew.relieve()
  await Promise.all([
    system.parts.bus.call('clearFaults'),
    system.parts.vault.call('faults', []),
    system.parts.directory.call('clearFaults').catch(() => {}),
  ])
}

/** Asks each flow that has no last word yet, until it has one. */
async function everybodyKnows(requests: readonly Submitted[]): Promise<void> {
  const until = Date.now() + settlesWithinMs
  let open = requests.filter(isOpen)
  while (open.length > 0 && Date.now() < until) {
    for (const request of open) {
      const told = await request.flow.read().then(
        (answer) => toldBy(answer, 'flow'),
        () => undefined,
      )
      if (told && told.effect !== 'unknown') request.told.push(told)
    }
    await sleep(2_000)
    open = requests.filter(isOpen)
  }
}

/** Everybody who was waiting when this was called. */
async function everybodyAnswered(requests: readonly Submitted[]): Promise<void> {
  const isWaiting = ({ told, unanswered }: Submitted) => told.length === 0 && !unanswered
  const waiting = requests.filter(isWaiting)
  while (waiting.some(isWaiting)) await sleep(50)
}

/** What each flow says in the end of its last request: the same as the person was told, or as true. */
async function readAgain(requests: readonly Submitted[]): Promise<void> {
  const last = new Map(
    requests.filter(({ ambiguous, told }) => !ambiguous && told.at(-1)?.code !== 'notSent').map((one) => [one.flow, one]),
  )
  for (const request of last.values()) {
    if (request.told.at(-1)?.by === 'flow') continue
    const told = await request.flow.read().then(
      (answer) => toldBy(answer, 'flow'),
      () => undefined,
    )
    if (told && told.code !== 'notSent' && told.code !== request.told.at(-1)?.code) request.told.push(told)
  }
}

const isOpen = ({ told }: Submitted) => told.length === 0 || told.at(-1)?.effect === 'unknown'

/** A reply on a session that a dead connection still holds can be taken by nobody: it ends with its life (five minutes), and then nothing may be left. */
const emptyWithinMs = 310_000

async function messagesLeft(system: System): Promise<number> {
  const until = Date.now() + emptyWithinMs
  for (;;) {
    const stats = Object.values(await system.parts.bus.call('stats'))
    const left = stats.reduce(
      (sum, { active, locked, deferred, scheduled, deadLettered }) => sum + active + locked + deferred + scheduled + deadLettered,
      0,
    )
    if (left === 0 || Date.now() > until) return left
    await sleep(500)
  }
}

const digest = (password: string) => createHash('sha256').update(password).digest('hex')
