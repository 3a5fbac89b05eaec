/**
 * Steady load for `npm run bench -- rollover`: so many resets begin each second, each the whole way over HTTP, gate and mail
 * too, unless everybody is still waiting for an answer.
 */
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeIn, type ResetFlow, startReset } from '../local/reset-client.ts'
import type { System } from '../local/what-runs.ts'
import { extraUsersOf, submit } from './people.ts'

export interface Load {
  done: number
  /** Told that password resets are switched off. */
  disabled: number
  /** Told "busy", or not reached before anything was submitted (a connection, a mail): tried again, as a person would. */
  again: number
  /** Everything else, by its code. */
  failed: Record<string, number>
  /** From the submit to its answer. */
  ms: number[]
  /** Begins no more, and waits for those who have begun. */
  stop(): Promise<void>
}

type Person = ReturnType<typeof extraUsersOf>[number]

/** A connection that the server has just closed for idleness is nobody's failure. */
const ownConnection = new http.Agent({ keepAlive: false })

export function startLoad(system: System, perS: number): Load {
  const free = [...extraUsersOf(system)]
  const over = new AbortController()
  const open = new Set<Promise<void>>()
  const load: Load = {
    done: 0,
    disabled: 0,
    again: 0,
    failed: {},
    ms: [],
    async stop() {
      over.abort()
      await beginning
      await Promise.all(open)
    },
  }
  const beginning = begin()
  return load

  async function begin(): Promise<void> {
    const startedAt = performance.now()
    for (let n = 0; !over.signal.aborted; n++) {
      // A machine that cannot do more is not asked for more: this is about keys, not about overload.
      while (free.length === 0) await Promise.race(open)
      const person = free.shift() as Person
      const reset = one(person, `Fresh-Horse-${n}-Battery!`).finally(() => {
        free.push(person)
        open.delete(reset)
      })
      open.add(reset)
      await sleep(Math.max(0, startedAt + ((n + 1) * 1_000) / perS - performance.now()))
    }
  }

  async function one(person: Person, password: string): Promise<void> {
    const flow = await gate(person)
    if (flow === undefined) return
    const code = typeof flow === 'string' ? flow : await submitted(flow, password).catch(() => 'noAnswer')
    if (code === 'done') load.done += 1
    else if (code === 'disabled') load.disabled += 1
    else load.failed[code] = (load.failed[code] ?? 0) + 1
  }

  /** A passed gate, or what an answer said against it; undefined: not before the end. */
  async function gate(person: Person): Promise<ResetFlow | string | undefined> {
    for (;;) {
      try {
        return await pass(person)
      } catch {
        if (over.signal.aborted) return undefined
        load.again += 1
      }
    }
  }

  async function pass({ upn, mail }: Person): Promise<ResetFlow | string> {
    const before = (await system.parts.mail.call('messages', mail)).length
    const flow = await startReset(system.url, upn)
    const challenged = await flow.challenge()
    if (challenged.status !== 202) return `challenge ${challenged.body.code}`
    const { text } = await system.parts.mail.call('waitFor', mail, before, 20_000)
    const verified = await flow.verify(codeIn(text))
    return verified.status === 200 ? flow : `verify ${verified.body.code}`
  }

  async function submitted(flow: ResetFlow, password: string): Promise<string> {
    for (;;) {
      const submittedAt = performance.now()
      const { code } = JSON.parse((await submit(system.url, flow, password, ownConnection)).text)
      load.ms.push(performance.now() - submittedAt)
      if (code !== 'busy') return String(code)
      load.again += 1
      await sleep(1_000)
    }
  }
}
