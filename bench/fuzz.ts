/**
 * `npm run bench -- fuzz`: one agent and a queue full of what nobody should send (fuzz-envelopes.ts).
 *
 * Everything goes the way of a real request: the SDK, the broker, the running agent, and its answers are read from the reply
 * session. What must hold: nothing was acted on, every envelope was ended on its first delivery and answered exactly where it
 * must be, the agent is the same process, serves a real person after every 10,000, and needs no more memory towards the end.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { AgentProcess } from '../local/agent.ts'
import type { System } from '../local/what-runs.ts'
import { memoryKb } from './agent.ts'
import { round } from './figures.ts'
import { type Answers, keysOf, openBus, readAnswers, sendAll } from './fuzz-ends.ts'
import { type Captured, type Envelope, envelopes, type Material } from './fuzz-envelopes.ts'
import { passGate } from './people.ts'

export interface FuzzResult {
  envelopes: number
  /** Password writes beyond those of the real resets. */
  actedOn: number
  completed: number
  crashes: number
  /** Means over the second and the last quarter of the envelopes. */
  rssMb: { second: number; last: number }
  /** Of these, mapped files: the program's own text, which the kernel maps in as it likes. */
  fileMb: { second: number; last: number }
  ratio: number
  /** Under an id the broker knew: never delivered. */
  dropped: number
  answered: number
  /** Of real people, in between. */
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
const madeAtOnce = 1_000
const perBatch = 50
/** So that memory is measured at work, and no envelope expires on the queue. */
const mostWaiting = 300
const hangMs = 60_000

interface Run {
  system: System
  agent: AgentProcess
  ended: boolean
  bus: ReturnType<typeof openBus>
  answers: Answers
  /** Message ids that the broker has taken. */
  ids: Set<string>
  repeated: number
  captured: Captured[]
  memory: { resident: number; file: number }[]
  kinds: Record<string, number>
  resets: number
  broken: string[]
}

export async function fuzzBench(system: System, count: number, seed: number, progress: (line: string) => void): Promise<FuzzResult> {
  const startedAt = performance.now()
  const keys = await keysOf(system)
  const run = await beginRun(system, keys)
  const before = await countsOf(system)
  const anchors = peopleIn(system)
    .slice(-3)
    .map(({ immutableId }) => immutableId)
  let sent = 0
  await serveSomebody(run)
  while (sent < count && run.broken.length === 0) {
    const material: Material = { ...keys, anchors, captured: run.captured.slice(-8) }
    const some = fc.sample(envelopes(material), { numRuns: Math.min(madeAtOnce, count - sent), seed: seed + sent })
    for (let from = 0; from < some.length; from += perBatch) await sendSome(run, some.slice(from, from + perBatch))
    sent += some.length
    if (sent % resetEvery !== 0 && sent !== count) continue
    await drained(run)
    await serveSomebody(run)
    const { resident = 0, file = 0 } = run.memory.at(-1) ?? {}
    progress(
      `${sent} envelopes, ${run.answers.count()} answered, ${round(resident / 1024, 0)} MB, of these ${round(file / 1024, 0)} of files`,
    )
  }
  await drained(run)
  await sleep(1_000) // an answer that should not be there may still be on its way
  const after = await countsOf(system)
  await run.bus.close()
  const result = { envelopes: sent, ...figuresOf(run, before, after), seconds: Math.round((performance.now() - startedAt) / 1000), seed }
  return { ...result, broken: [...run.broken, ...brokenIn(result, run), ...brokenOnTheBus(before, after), ...run.answers.broken()] }
}

async function beginRun(system: System, keys: Parameters<typeof readAnswers>[1]): Promise<Run> {
  const [agent] = system.agents
  if (!agent) throw new Error('no agent runs')
  const bus = openBus(system)
  const answers = await readAnswers(bus, keys)
  const run: Run = {
    system,
    agent,
    bus,
    answers,
    ended: false,
    ids: new Set(),
    repeated: 0,
    captured: [],
    memory: [],
    kinds: {},
    resets: 0,
    broken: [],
  }
  void agent.exited.then(() => {
    run.ended = true
  })
  // A fault instead of a refusal: the envelope was given back, to be tried again.
  void agent.event('listenerError').then(
    ({ fault }) => run.broken.push(`handling one ended with ${fault}`),
    () => undefined,
  )
  return run
}

const peopleIn = ({ forest }: System) => forest.users.filter(({ sam }) => /^user\d+$/.test(sam))

/** A real person; their request is material for what follows. */
async function serveSomebody(run: Run): Promise<void> {
  const people = peopleIn(run.system)
  const person = people[run.resets % people.length]
  if (!person) throw new Error('nobody is there')
  const flow = await passGate(run.system, person)
  const { status, body } = await flow.password(`Fresh-Horse-${run.resets}-Battery!`)
  if (status !== 200) return void run.broken.push(`a real person was answered with ${status} ${body.code}`)
  run.resets += 1
  await drained(run)
  const request = (await run.system.parts.bus.call('recent', 'requests')).at(-1)
  if (!request) throw new Error('no request was ever sent')
  run.captured.push({ messageId: request.messageId, body: Buffer.from(request.bodyBase64, 'base64') })
  run.ids.add(request.messageId)
}

async function sendSome(run: Run, some: readonly Envelope[]): Promise<void> {
  for (const each of some) {
    run.kinds[each.kind] = (run.kinds[each.kind] ?? 0) + 1
    if (run.ids.has(each.messageId)) run.repeated += 1
    run.ids.add(each.messageId)
    run.answers.expect(each)
  }
  await sendAll(run.bus.sender, some)
  if (!run.ended) run.memory.push(await memoryKb(run.agent.pid))
  await drained(run, mostWaiting)
}

/** Until at most `most` are waiting or in hand. */
async function drained(run: Run, most = 0): Promise<void> {
  let last = { completed: -1, at: performance.now() }
  while (!run.ended && run.broken.length === 0) {
    const { active, locked, completed } = await statsOf(run.system)
    if (active + locked <= most) return
    if (completed !== last.completed) last = { completed, at: performance.now() }
    else if (performance.now() - last.at > hangMs) run.broken.push(`nothing was completed for ${hangMs} ms; ${locked} in hand`)
    await sleep(20)
  }
}

async function statsOf({ parts }: System) {
  const stats = (await parts.bus.call('stats'))['requests']
  if (!stats) throw new Error('no queue of requests')
  return stats
}

type Counts = Awaited<ReturnType<typeof countsOf>>

async function countsOf(system: System) {
  const writes = Object.values(await system.parts.directory.call('writes'))
  return { ...(await statsOf(system)), writes: writes.reduce((sum, each) => sum + each, 0) }
}

function figuresOf({ resets, ended, answers, kinds, memory }: Run, before: Counts, after: Counts) {
  const quarter = (n: number) => memory.slice(Math.floor((memory.length * n) / 4), Math.floor((memory.length * (n + 1)) / 4))
  const mb = (n: number, kb: (each: Run['memory'][number]) => number) => round(mean(quarter(n).map(kb)) / 1024, 1)
  const rssMb = { second: mb(1, ({ resident }) => resident), last: mb(3, ({ resident }) => resident) }
  const fileMb = { second: mb(1, ({ file }) => file), last: mb(3, ({ file }) => file) }
  return {
    actedOn: after.writes - before.writes - resets,
    completed: after.completed - before.completed - resets,
    crashes: ended ? 1 : 0,
    rssMb,
    fileMb,
    ratio: round(rssMb.last / rssMb.second, 3),
    dropped: after.duplicates - before.duplicates,
    answered: answers.count(),
    resets,
    kinds,
  }
}

function brokenIn(result: Omit<FuzzResult, 'broken'>, { repeated }: Run): string[] {
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

const mean = (values: readonly number[]) => values.reduce((sum, each) => sum + each, 0) / values.length
