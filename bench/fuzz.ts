/**
 * `npm run bench -- fuzz`: one agent and a queue full of what nobody should send (fuzz-envelopes.ts).
 *
 * Everything goes the way of a real request: the SDK, the broker, the running agent, and its answers are read from the reply
 * session. What must hold: nothing was acted on, every envelope was ended on its first delivery and answered exactly where it
 * must be, the agent is the same process, serves a real person after every 10,000, and needs no more memory towards the end.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { System } from '../local/system.ts'
import { residentKb } from './agent.ts'
import { passGate } from './e2e.ts'
import { round } from './figures.ts'
import { keysOf, openBus, readAnswers, sendAll } from './fuzz-ends.ts'
import { type Captured, envelopes, type Material } from './fuzz-envelopes.ts'

export interface FuzzResult {
  envelopes: number
  /** Password writes beyond those of the real resets. */
  actedOn: number
  completed: number
  crashes: number
  rssMb: { second: number; last: number }
  ratio: number
  /** Under an id the broker knew: never delivered. */
  dropped: number
  answered: number
  resets: number
  seconds: number
  seed: number
  kinds: Record<string, number>
  /** What did not hold, in words. */
  broken: string[]
}

const mostRatio = 1.1
const resetEvery = 10_000
/** Few enough that what is made has not grown old when it is sent. */
const atOnce = 1_000
const perBatch = 50
/** So that memory is measured at work, and no envelope expires on the queue. */
const mostWaiting = 300

export async function fuzzBench(system: System, count: number, seed: number, progress: (line: string) => void): Promise<FuzzResult> {
  const [agent] = system.agents
  if (!agent) throw new Error('no agent runs')
  const startedAt = performance.now()
  const gone = { yes: false }
  void agent.exited.then(() => {
    gone.yes = true
  })
  const people = system.forest.users.filter(({ sam }) => /^user\d+$/.test(sam))
  const bus = openBus(system)
  const answers = await readAnswers(bus)
  const rssKb: number[] = []
  const kinds: Record<string, number> = {}
  const before = await countsOf(system)
  const captured: Captured[] = []
  let resets = 0
  let sent = 0
  const ids = new Set<string>()
  let repeated = 0

  async function realReset(): Promise<void> {
    const person = people[resets % people.length]
    if (!person) throw new Error('nobody is there')
    const flow = await passGate(system, person)
    const answer = await flow.password(`Fresh-Horse-${resets}-Battery!`)
    if (answer.status !== 200) throw new Error(`a real reset was answered with ${answer.status} ${answer.body.code}`)
    resets += 1
    await drained(system, gone)
    const request = await lastRequest(system)
    captured.push(request)
    ids.add(request.messageId)
  }

  const own = await keysOf(system)
  answers.openWith(own)
  await realReset()
  await realReset()
  while (sent < count && !gone.yes) {
    const material: Material = { ...own, anchors: people.slice(-3).map(({ immutableId }) => immutableId), captured: captured.slice(-8) }
    const some = fc.sample(envelopes(material), { numRuns: Math.min(atOnce, count - sent), seed: seed + sent })
    for (let from = 0; from < some.length; from += perBatch) {
      const batch = some.slice(from, from + perBatch)
      for (const each of batch) {
        kinds[each.kind] = (kinds[each.kind] ?? 0) + 1
        if (ids.has(each.messageId)) repeated += 1
        ids.add(each.messageId)
        answers.expect(each)
      }
      await sendAll(bus.sender, batch)
      rssKb.push(await residentKb(agent.pid))
      await drained(system, gone, mostWaiting)
    }
    sent += some.length
    if (sent % resetEvery === 0 || sent === count) {
      await drained(system, gone)
      await realReset()
      progress(`${sent} envelopes, ${answers.count()} answered, ${Math.round((rssKb.at(-1) ?? 0) / 1024)} MB`)
    }
  }

  await drained(system, gone)
  await sleep(1_000) // a reply that should not be there may still be on its way
  const after = await countsOf(system)
  await bus.close()
  const quarter = (n: number) => mean(rssKb.slice(Math.floor((rssKb.length * n) / 4), Math.floor((rssKb.length * (n + 1)) / 4))) / 1024
  const rssMb = { second: round(quarter(1), 1), last: round(quarter(3), 1) }
  const result = {
    envelopes: sent,
    actedOn: after.writes - before.writes - resets,
    completed: after.completed - before.completed - resets,
    crashes: gone.yes ? 1 : 0,
    rssMb,
    ratio: round(rssMb.last / rssMb.second, 3),
    dropped: after.duplicates - before.duplicates,
    answered: answers.count(),
    resets,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    seed,
    kinds,
  }
  return { ...result, broken: [...brokenIn(result, repeated), ...brokenOnTheBus(before, after), ...answers.broken()] }
}

function brokenIn(result: Omit<FuzzResult, 'broken'>, repeated: number): string[] {
  const { envelopes, actedOn, completed, dropped, crashes, ratio } = result
  return [
    actedOn === 0 ? '' : `${actedOn} passwords were set`,
    completed + dropped === envelopes ? '' : `${envelopes - completed - dropped} were not completed`,
    dropped <= repeated ? '' : `${dropped} dropped by the broker, though ${repeated} had an id that it knew`,
    crashes === 0 ? '' : 'the agent ended',
    ratio <= mostRatio ? '' : `memory grew: ${ratio}`,
  ].filter((line) => line !== '')
}

const brokenOnTheBus = (before: Counts, after: Counts): string[] =>
  (['abandoned', 'lockExpired', 'expired', 'deadLettered', 'active', 'locked'] as const)
    .filter((name) => after[name] !== before[name])
    .map((name) => `${name} on the queue: ${after[name] - before[name]}`)

type Counts = Awaited<ReturnType<typeof countsOf>>

async function statsOf({ parts }: System) {
  const stats = (await parts.bus.call('stats'))['requests']
  if (!stats) throw new Error('no queue of requests')
  return stats
}

async function countsOf(system: System) {
  const writes = Object.values(await system.parts.directory.call('writes'))
  return { ...(await statsOf(system)), writes: writes.reduce((sum, each) => sum + each, 0) }
}

/** Until at most `most` are waiting or in hand; a minute without any progress is a hang. */
async function drained(system: System, gone: { yes: boolean }, most = 0): Promise<void> {
  let last = { completed: -1, at: performance.now() }
  while (!gone.yes) {
    const { active, locked, completed } = await statsOf(system)
    if (active + locked <= most) return
    if (completed !== last.completed) last = { completed, at: performance.now() }
    if (performance.now() - last.at > 60_000) throw new Error(`nothing was completed for a minute; ${active} waiting, ${locked} in hand`)
    await sleep(20)
  }
}

async function lastRequest({ parts }: System): Promise<Captured> {
  const found = (await parts.bus.call('recent', 'requests')).at(-1)
  if (!found) throw new Error('no request was ever sent')
  return { messageId: found.messageId, body: Buffer.from(found.bodyBase64, 'base64') }
}

const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length
