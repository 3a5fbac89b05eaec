/** Agents as the cloud hears of them: real rows, two instances of the app, and events of any boot. */
import { randomBytes } from 'node:crypto'
import type { AgentEvent, DomainState, Heartbeat, Speaker } from '../../shared/event.ts'
import { newId } from '../../shared/seal.ts'
import { startTestCloud } from '../keys/test-cloud.ts'
import { type AgentRow, openAgents } from './agents.ts'

export interface Boot {
  agentId: Buffer
  bootId: Buffer
  bootStartedAt: number
}

const policy = { minLength: 8, historyLength: 24, complexity: true, minAgeMinutes: 0, lockoutThreshold: 10, lockoutMinutes: 30 }
export const domain = (reachable: boolean): DomainState => ({ id: randomBytes(8), reachable, policy })
const counters = { handled: 0, changed: 0, refused: 0, unknown: 0, rejected: 0, replays: 0 }

export type TestAgents = Awaited<ReturnType<typeof startTestAgents>>

export async function startTestAgents() {
  const cloud = await startTestCloud()
  const { rows } = cloud.keyring()
  const instance = (over = rows) => openAgents({ rows: over, clock: cloud.clock })
  const speaker = (boot: Boot, sequence: number): Speaker => ({ ...boot, sequence, sentAt: cloud.clock.now() })
  const instances = { here: instance(), there: instance() }
  return Object.assign(instances, {
    cloud,
    rows,
    instance,
    newBoot: (over: Partial<Boot> = {}): Boot => ({
      agentId: randomBytes(16),
      bootId: randomBytes(16),
      bootStartedAt: cloud.clock.now() - 1_000,
      ...over,
    }),
    heartbeat: (boot: Boot, sequence: number, over: Partial<Heartbeat> = {}): Heartbeat => ({
      ...speaker(boot, sequence),
      kind: 'heartbeat',
      version: '1.0.0',
      linkProven: true,
      packageKeys: [],
      passwordKeys: [],
      configuration: randomBytes(8),
      domains: [domain(true)],
      counters,
      ...over,
    }),
    stopping: (boot: Boot, sequence: number): AgentEvent => ({ ...speaker(boot, sequence), kind: 'stopping' }),
    settled: (boot: Boot, sequence: number): AgentEvent => ({
      ...speaker(boot, sequence),
      kind: 'settled',
      request: newId(),
      outcome: { kind: 'done' },
    }),
    /** Whether it was accepted. */
    hear: async (event: AgentEvent, agents = instances.here, enqueuedAt = cloud.clock.now()) =>
      (await agents.heard(event, enqueuedAt)) === 'accepted',
    rowOf: async ({ agentId }: Boot) => (await rows.read<AgentRow>('agents', 'agent', agentId.toString('hex')))?.value,
    /** Nobody was ever heard; two new instances. */
    async renew() {
      for (const { rowKey } of await rows.list('agents', 'agent')) await rows.remove('agents', 'agent', rowKey)
      await rows.remove('agents', 'service', 'unanswered')
      cloud.pass(60_000)
      instances.here = instance()
      instances.there = instance()
    },
  })
}
