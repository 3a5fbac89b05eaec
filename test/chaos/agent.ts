/**
 * The agent as it ships, made of the same parts, with a stop in between: at a named point it kills or suspends itself, its
 * clock is off for a while, one of its decisions may be a wrong one; and it says when it began to write what.
 *
 * Orders come over the channel (`Order`), what it tells goes to standard output as lines of JSON beside those of its log.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import { parts, run } from '../../agent/run.ts'
import { readSettings } from '../../agent/settings.ts'
import { systemClock } from '../../shared/clock.ts'
import type { Secret } from '../../shared/secret.ts'
import { type WrongDecision, wrongDecisions } from '../wrong-decisions.ts'
import { type Order, type Point, plantVariable } from './orders.ts'

interface Delivery {
  messageId: string
  again: boolean
  lookedAt: number
}

const deliveries = new AsyncLocalStorage<Delivery>()
const tell = (event: string, fields: object) => void process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`)

let stop: Extract<Order, { kind: 'stopAt' }> | undefined
let clockOffMs = 0

process.on('message', (order: Order) => {
  if (order.kind === 'stopAt') stop = order
  else if (order.kind === 'goOn') stop = undefined
  else clockOffMs = order.ms
})

/** A pipe takes a line at once: whoever listens hears it before this process stands still. */
function reach(point: Point): void {
  if (stop?.point !== point) return
  const { signal } = stop
  stop = undefined
  tell('stoppedAt', { point, signal, request: deliveries.getStore()?.messageId })
  process.kill(process.pid, signal)
}

const clock = { ...systemClock, now: () => systemClock.now() + clockOffMs }

const openJournal: typeof parts.openJournal = (file, openedAt) => {
  const journal = parts.openJournal(file, openedAt)
  return {
    ...journal,
    enter(entry) {
      reach('afterOpen')
      return journal.enter(entry)
    },
    finish(entry, reply) {
      journal.finish(entry, reply)
      reach('journalWritten')
    },
  }
}

const openDirectory: typeof parts.openDirectory = (settings, deps) => {
  const directory = parts.openDirectory(settings, deps)
  return {
    ...directory,
    passwordState(user) {
      const delivery = deliveries.getStore()
      if (delivery) delivery.lookedAt = systemClock.now()
      return directory.passwordState(user)
    },
    async setPassword(user, password, extras, mayBegin) {
      reach('beforeWrite')
      const result = await directory.setPassword(user, password, extras, () => begin(password, mayBegin))
      if (result.kind === 'done') reach('writeAnswered')
      return result
    },
  }
}

/** The true time before the check: what is begun later than it may be was begun later than this. */
function begin(password: Secret, mayBegin: () => boolean): boolean {
  const at = systemClock.now()
  if (!mayBegin()) return false
  const digest = password.use((value) => createHash('sha256').update(value).digest('hex'))
  tell('begun', { at, digest, ...deliveries.getStore() })
  // What is handed over is on its way only once this turn is over.
  setImmediate(() => reach('writeSent'))
  return true
}

const connectRelay: typeof parts.connectRelay = (settings, relayClock) => {
  const client = parts.connectRelay(settings, relayClock)
  return {
    ...client,
    async send(queue, message, signal) {
      await client.send(queue, message, signal)
      if (queue === 'replies') reach('replySent')
    },
    receive: (queue, concurrency, handle, lost) =>
      client.receive(
        queue,
        concurrency,
        (delivery) => {
          const { messageId, deliveryCount } = delivery
          const complete = async () => {
            reach('beforeSettle')
            await delivery.complete()
          }
          const about = { messageId: String(messageId), again: deliveryCount > 0, lookedAt: systemClock.now() }
          return deliveries.run(about, () => handle({ ...delivery, complete }))
        },
        lost,
      ),
  }
}

const plant = process.env[plantVariable] as WrongDecision | undefined
const decisions = { ...parts.decisions, ...(plant === undefined ? {} : wrongDecisions[plant]) }

const file = process.argv[process.argv.indexOf('--settings') + 1] ?? ''
process.exitCode = 70
process.on('uncaughtException', (error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exit(70)
})
await run(readSettings(file, process.env), { ...parts, clock, decisions, openJournal, openDirectory, connectRelay })
process.exit(0)
