/**
 * The agents and their supervisor: whoever ends is started again after a moment, whoever was suspended goes on after a while,
 * and what they say they have begun is written down.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AgentProcess, runAgent } from '../../local/agent.ts'
import type { System } from '../../local/what-runs.ts'
import type { Order, Point } from './orders.ts'
import type { Random } from './random.ts'

export const agentScript = 'test/chaos/agent.ts'
const restartMs = 300

/** As an agent tells it; `digest` is of the password. */
export interface BegunLine {
  at: number
  agent: string
  messageId: string
  digest: string
  again: boolean
  lookedAt: number
}

export interface Crew {
  anybody(): AgentProcess
  /** Resolves when it reached the point and was killed or has gone on again; with false if nothing came that way within `ms`. */
  stopAt(point: Point, signal: 'SIGKILL' | 'SIGSTOP', forMs: number, ms: number): Promise<boolean>
  order(agent: AgentProcess, order: Order): void
  /** No more restarts; everybody goes on. */
  relieve(): Promise<void>
}

export function gatherCrew(system: System, random: Random, begun: (line: BegunLine) => void): Crew {
  const crew = new Map<string, AgentProcess>()
  let relieved = false
  const restarts = new Set<Promise<void>>()

  function adopt(agent: AgentProcess): void {
    crew.set(agent.name, agent)
    agent.listen((fields) => {
      if (fields['event'] === 'begun') begun({ ...(fields as unknown as BegunLine), agent: agent.name })
    })
    void agent.exited.then(() => {
      if (relieved) return
      const restarting = restart(agent.name).finally(() => restarts.delete(restarting))
      restarts.add(restarting)
    })
  }

  async function restart(name: string): Promise<void> {
    await sleep(restartMs)
    const again = runAgent(name, join(system.folder, name, 'agent.json'), join(system.folder, 'logs'), agentScript)
    system.agents.push(again)
    adopt(again)
  }

  for (const agent of system.agents) adopt(agent)
  const order = (agent: AgentProcess, message: Order) => agent.tell(message)
  return {
    anybody: () => random.pick([...crew.values()]),
    order,
    async stopAt(point, signal, forMs, ms) {
      const agent = random.pick([...crew.values()])
      const reached = Promise.withResolvers<true>()
      agent.listen((fields) => {
        if (fields['event'] === 'stoppedAt' && fields['point'] === point) reached.resolve(true)
      })
      order(agent, { kind: 'stopAt', point, signal })
      const stopped = await Promise.race([reached.promise, sleep(ms, false, { ref: false })])
      if (!stopped) {
        order(agent, { kind: 'goOn' })
        return false
      }
      if (signal === 'SIGSTOP') {
        await sleep(forMs)
        agent.kill('SIGCONT')
      }
      return true
    },
    async relieve() {
      await Promise.all(restarts)
      relieved = true
      for (const agent of crew.values()) agent.kill('SIGCONT')
    },
  }
}
