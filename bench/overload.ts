/**
 * `npm run bench -- overload`: what becomes of the requests when three times as many come as the directory takes.
 *
 * The directory takes one change after another, so long for each (its `slowDown`). First a closed loop finds out how many
 * resets a second come through the whole way then; each caller waits for its answer. Then three times as many are offered,
 * in an open loop: nobody waits for anybody. Gates are passed before; a flow that is told "busy" is used again, as its person
 * would. At the end every answer is held against the directory: who was told "done" was written to so often, and nobody else.
 */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { bindAs } from '../local/bind.ts'
import type { SampleUser } from '../local/directory/seed.ts'
import type { ResetFlow } from '../local/reset-client.ts'
import type { System } from '../local/what-runs.ts'
import { residentKb } from './agent.ts'
import { round, spread, timed } from './figures.ts'
import { passGates, submit } from './people.ts'

export interface OverloadResult {
  aloneDonePerS: number
  offeredPerS: number
  /** Done per second under overload, as a share of what was done alone. */
  doneShare: number
  done: number
  doneP99Ms: number
  busy: number
  busyP99Ms: number
  others: Record<string, number>
  /** Means of the second and the last quarter. */
  rssMb: Record<'agent' | 'functions', { second: number; last: number; ratio: number }>
  directoryWrites: number
  /** Answers that the directory does not bear out. */
  contradictions: number
}

export interface OverloadOptions {
  seconds: number
  /** How long the directory takes for each change. */
  writeMs: number
}

const factor = 3
const aloneSeconds = 8
/** Enough to keep the directory busy, and fewer than an agent turns away. */
const callers = 6
const boundPeople = 20

/** People needed: each is done once. */
export const peopleFor = ({ seconds, writeMs }: OverloadOptions): number =>
  Math.ceil(((aloneSeconds + seconds) * 1_000 * 1.1) / writeMs) + 120

interface Person {
  user: SampleUser
  flow: ResetFlow
  /** What was submitted last, and how often "done" was the answer. */
  password: string
  done: number
  unknown: number
}

interface Answer {
  code: string
  ms: number
  /** By this process's monotonic clock. */
  at: number
}

export async function overload(system: System, options: OverloadOptions, progress: (line: string) => void): Promise<OverloadResult> {
  const flows: ResetFlow[] = []
  const users = system.forest.users.filter(({ sam }) => /^user\d+$/.test(sam))
  progress(`${users.length} people pass the gate …`)
  const gatesMs = await timed(async () => void flows.push(...(await passGates(system, users))))
  progress(`${round((users.length * 1_000) / gatesMs, 1)} gates a second`)
  const people = users.map((user, at): Person => ({ user, flow: flowAt(flows, at), password: '', done: 0, unknown: 0 }))
  const ready = [...people]
  await system.parts.directory.call('slowDown', options.writeMs)

  const alone = await closedLoop(system, ready)
  const aloneDonePerS = alone.length / aloneSeconds
  progress(`${round(aloneDonePerS, 1)} a second alone; three times as many for ${options.seconds} s …`)
  const memory = watchMemory(system)
  // What is still in line at the end is answered, and not counted as done in this time.
  const until = performance.now() + options.seconds * 1_000
  const answers = await openLoop(system, ready, { seconds: options.seconds, perS: factor * aloneDonePerS }).finally(memory.stop)
  const rssMb = memory.read()
  await system.parts.directory.call('slowDown', 0)

  const times = (code: string) => answers.filter((answer) => answer.code === code).map(({ ms }) => ms)
  const others = answers.map(({ code }) => code).filter((code) => code !== 'done' && code !== 'busy')
  const { writes, contradictions } = await heldAgainstDirectory(system, people)
  return {
    aloneDonePerS: round(aloneDonePerS),
    offeredPerS: round(answers.length / options.seconds),
    doneShare: round(answers.filter(({ code, at }) => code === 'done' && at < until).length / options.seconds / aloneDonePerS),
    done: times('done').length,
    doneP99Ms: spread(times('done')).p99,
    busy: times('busy').length,
    busyP99Ms: spread(times('busy')).p99,
    others: Object.fromEntries([...new Set(others)].map((code) => [code, others.filter((other) => other === code).length])),
    rssMb,
    directoryWrites: writes,
    contradictions,
  }
}

const flowAt = (flows: readonly ResetFlow[], at: number): ResetFlow => {
  const flow = flows[at]
  if (!flow) throw new Error('unreachable: as many flows as people')
  return flow
}

/** Everybody comes on their own; and a connection that the server has just closed for idleness is nobody's failure. */
const ownConnection = new http.Agent({ keepAlive: false })
let submits = 0
/** Nothing was said of the password. */
const mayBeEither: readonly string[] = ['unknown', 'noAnswer', 'internal', 'noJson']

function codeOf({ text }: { text: string }): string {
  try {
    return String(JSON.parse(text).code)
  } catch {
    return 'noJson'
  }
}

async function attempt(system: System, person: Person, ready: Person[]): Promise<Answer> {
  const startedAt = performance.now()
  const password = `Fresh-Horse-${++submits}-Battery!`
  const code = await submit(system.url, person.flow, password, ownConnection).then(codeOf, () => 'noAnswer')
  const at = performance.now()
  if (code === 'done') {
    person.done += 1
    person.password = password
  } else if (mayBeEither.includes(code)) person.unknown += 1
  else ready.push(person)
  return { code, ms: at - startedAt, at }
}

function next(ready: Person[]): Person {
  const person = ready.shift()
  if (!person) throw new Error('there are more answers "done" than people were invited for')
  return person
}

async function closedLoop(system: System, ready: Person[]): Promise<Answer[]> {
  const done: Answer[] = []
  // A second to become warm; then as many as are answered in time.
  const from = performance.now() + 1_000
  const until = from + aloneSeconds * 1_000
  const caller = async () => {
    while (performance.now() < until) {
      const answer = await attempt(system, next(ready), ready)
      if (answer.code !== 'done') throw new Error(`alone, a reset was answered with ${answer.code}`)
      if (answer.at >= from && answer.at < until) done.push(answer)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  return done
}

async function openLoop(system: System, ready: Person[], { seconds, perS }: { seconds: number; perS: number }): Promise<Answer[]> {
  const answers: Promise<Answer>[] = []
  const startedAt = performance.now()
  const total = Math.round(seconds * perS)
  for (let n = 0; n < total; n++) {
    await sleep(Math.max(0, startedAt + (n * 1_000) / perS - performance.now()))
    answers.push(attempt(system, next(ready), ready))
  }
  return Promise.all(answers)
}

function watchMemory({ agents, parts }: System) {
  const [agent] = agents
  if (!agent) throw new Error('no agent runs')
  const samples: { agent: number; functions: number }[] = []
  const over = new AbortController()
  const watching = (async () => {
    while (!over.signal.aborted) {
      samples.push({ agent: await residentKb(agent.pid), functions: await residentKb(parts.host.pid) })
      await sleep(250)
    }
  })()
  const quarter = (name: 'agent' | 'functions', n: number) => {
    const own = samples.slice(Math.floor((samples.length * n) / 4), Math.floor((samples.length * (n + 1)) / 4))
    return own.reduce((sum, sample) => sum + sample[name], 0) / own.length / 1_024
  }
  const of = (name: 'agent' | 'functions') => {
    const [second, last] = [quarter(name, 1), quarter(name, 3)]
    return { second: round(second, 1), last: round(last, 1), ratio: round(last / second) }
  }
  return {
    async stop() {
      over.abort()
      await watching
    },
    read: () => ({ agent: of('agent'), functions: of('functions') }),
  }
}

/** By the directory's own count for everybody; and for some by signing in with what they were told is their password. */
async function heldAgainstDirectory({ parts, directory }: System, people: readonly Person[]) {
  let contradictions = 0
  let total = 0
  for (const { user, done, unknown } of people) {
    const { passwordWrites } = await parts.directory.call('user', user.sam)
    total += passwordWrites
    if (passwordWrites < done || passwordWrites > done + unknown) contradictions += 1
  }
  const step = Math.max(1, Math.floor(people.length / boundPeople))
  for (const { user, done, unknown, password } of people.filter((_, at) => at % step === 0)) {
    if (unknown > 0) continue
    if ((await bindAs(directory, user.dn, done > 0 ? password : user.password)) !== 'accepted') contradictions += 1
  }
  return { writes: total, contradictions }
}
