/**
 * Commands that change something: each is one call, with a reason. What takes longer than an answer is a run, which is
 * followed until the new keys are in use or it was abandoned; ending the old ones is left to the timer.
 */
import { isFault } from '../../shared/fault.ts'
import type { Told } from '../../shared/manage.ts'
import { type Command, exitCodes, type Given, json, objectIn, plain, refusal, UsageError } from './command.ts'
import { runText } from './reads.ts'

interface Change {
  usage: string
  summary: string
  /** What the person is told before they confirm; undefined: nothing that needs it. */
  warning?: string
  request(argument: string, given: Given): { method: 'PUT' | 'POST'; path: string; body?: object }
}

const segment = encodeURIComponent

const table = {
  enable: {
    usage: 'enable --reason TEXT',
    summary: 'switch password writeback on: new keys, proved by an agent first',
    request: () => ({ method: 'PUT', path: 'writeback', body: { on: true } }),
  },
  disable: {
    usage: 'disable --reason TEXT',
    summary: 'switch it off; enabling again rolls all keys',
    warning: 'Nobody can reset a password until it is enabled again.',
    request: () => ({ method: 'PUT', path: 'writeback', body: { on: false } }),
  },
  rollover: {
    usage: 'rollover --reason TEXT [--override]',
    summary: 'roll all keys now; --override: adopt them although not every live agent has proved that it can use them',
    request: (_, { override }) => ({ method: 'POST', path: 'keys/rollover', body: override ? { override } : {} }),
  },
  incident: {
    usage: 'incident --reason TEXT',
    summary: 'break glass: off, every agent revoked, every key rolled with no overlap',
    warning: 'This switches password writeback off, revokes every agent and rolls every key at once.',
    request: () => ({ method: 'POST', path: 'incident' }),
  },
  'revoke-agent': {
    usage: 'revoke-agent AGENT --reason TEXT',
    summary: 'stop listening to one agent, and roll what it knew with no overlap',
    warning: 'That agent is shut out until it is admitted again (admit-agent); requests under way may be refused.',
    request: (agent) => ({ method: 'POST', path: `agents/${segment(agent)}/revoke` }),
  },
  'admit-agent': {
    usage: 'admit-agent AGENT --reason TEXT',
    summary: 'listen again to an agent that was revoked, once it has a new certificate',
    request: (agent) => ({ method: 'POST', path: `agents/${segment(agent)}/admit` }),
  },
  relink: {
    usage: 'relink USER --reason TEXT',
    summary: 'say that the changed on-premises account of a cloud user (object id) is right',
    request: (user) => ({ method: 'POST', path: `users/${segment(user)}/relink` }),
  },
} as const satisfies Record<string, Change>

const commandOf = (name: string, { usage, summary, warning, request }: Change): Command => ({
  usage,
  summary,
  async run(given) {
    const { args, reason, manage, io } = given
    const needed = /[A-Z]+/.exec(usage.split(' --')[0] ?? '')?.[0]
    if (needed !== undefined && args[0] === undefined) throw new UsageError(`${name} needs ${needed}`)
    if (reason === undefined || reason.trim() === '') throw new UsageError(`${name} needs --reason: it is kept`)
    if (warning !== undefined && !(await confirmed(name, warning, given))) {
      io.tell('Nothing was done.')
      return exitCodes.failed
    }
    const { method, path, body } = request(args[0] ?? '', given)
    const answer = await manage.call(method, path, { ...body, reason })
    const refused = refusal(answer, given)
    if (refused !== undefined) return refused
    const run = objectIn(answer.body['run'])
    if (answer.status === 202 && given.wait) return follow(run, given)
    io.print(given.json ? json(answer.body) : answer.status === 202 ? `Begun: ${runText(run)}` : doneText(name, answer.body))
    return answer.status === 202 ? exitCodes.underWay : exitCodes.done
  },
})

async function confirmed(name: string, warning: string, { yes, io }: Given): Promise<boolean> {
  if (yes) return true
  if (io.ask === undefined) throw new UsageError(`${name} asks before it acts; without a terminal say --yes`)
  return (await io.ask(`${warning} Type "${name}" to go on: `)).trim() === name
}

function doneText(name: string, { on, changed, user }: Told): string {
  if (typeof on === 'boolean') return `Password writeback is ${on ? 'on' : 'off'}.`
  return name === 'relink' ? `Linked anew${changed ? '' : '; nothing had changed'}: ${plain(user)}` : 'Done.'
}

const pollMs = 3_000
/** Two ticks of the timer that takes up what the call left, and a little. */
const patienceMs = 35 * 60_000
/** The pointer names the new versions from here on (functions/keys/run.ts). */
const adopted: readonly unknown[] = ['overlap', 'rewrite', 'disable', 'done']
const abandoned: readonly unknown[] = ['abandon', 'abandoned']
const isSettled = ({ step }: Told): boolean => adopted.includes(step) || abandoned.includes(step)

/** Shows each step once. A passing fault of the API is no end: the run goes on without us. */
async function follow(run: Told, given: Given): Promise<number> {
  const { manage, io, clock } = given
  const until = clock.monotonic() + patienceMs
  let shown = ''
  const show = (current: Told) => {
    const text = runText(current)
    if (text !== shown) io.tell(text)
    shown = text
  }
  show(run)
  if (isSettled(run)) return settled(run, given)
  while (clock.monotonic() < until) {
    await clock.sleep(pollMs)
    const answer = await manage.call('GET', 'keys').catch(passing)
    if (answer === undefined || answer.status >= 500) continue
    const refused = refusal(answer, given)
    if (refused !== undefined) return refused
    const current = objectIn(answer.body['run'])
    if (current['id'] !== run['id']) return ended('taken over by another run', run, given)
    show(current)
    if (isSettled(current)) return settled(current, given)
  }
  if (given.json) io.print(json({ run }))
  io.tell('Still under way. See: npm run admin -- status')
  return exitCodes.underWay
}

function passing(error: unknown): undefined {
  if (!isFault(error, 'API_UNAVAILABLE')) throw error
}

async function settled(run: Told, given: Given): Promise<number> {
  if (abandoned.includes(run['step'])) return ended('abandoned', run, given)
  if (run['why'] !== 'enable') return ended(undefined, run, given)
  // Whoever switched it off meanwhile had the last word.
  const answer = await given.manage.call('GET', 'writeback')
  const refused = refusal(answer, given)
  if (refused !== undefined) return refused
  given.io.print(given.json ? json(answer.body) : doneText('enable', answer.body))
  return answer.body['on'] ? exitCodes.done : exitCodes.failed
}

function ended(failure: string | undefined, run: Told, { io, json: asJson }: Given): number {
  if (asJson) io.print(json({ run }))
  else if (failure !== undefined) io.print(`Not done: ${failure}.`)
  else io.print(run['step'] === 'done' ? 'Done.' : 'Done. The old versions are disabled when their overlap is over.')
  return failure === undefined ? exitCodes.done : exitCodes.failed
}

export const changes = Object.fromEntries(Object.entries(table).map(([name, change]) => [name, commandOf(name, change)])) as Record<
  keyof typeof table,
  Command
>
