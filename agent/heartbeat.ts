/**
 * What the agent says unasked, in one sealed stream of events with growing sequence numbers: a heartbeat at start and
 * every five minutes, `settled` when an outcome became known late, `stopping` as its last word.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../shared/clock.ts'
import type { AgentEvent, DomainState, Settled, Speaker } from '../shared/event.ts'
import { faultWord } from '../shared/fault.ts'
import type { Log } from '../shared/log.ts'
import type { AgentOutcome } from '../shared/outcome-code.ts'
import { messageIdOf, newId, sealEvent } from '../shared/seal.ts'
import type { AgentKeys } from './keys.ts'
import type { AgentLink, Loop } from './loop.ts'
import type { Tally } from './tally.ts'

const everyMs = 300_000
/** Until the first one got through, nobody in the cloud knows of this agent. */
const againAfterMs = 10_000
/** A link counts as proven if it was seen to work within this time. */
const provenWithinMs = 60_000
const eventTtlMs = 300_000
const lastWordMs = 5_000

export interface Voice {
  /** A heartbeat now and every five minutes, sooner after one that failed. */
  beat(signal: AbortSignal): Promise<void>
  settled(request: Buffer, outcome: AgentOutcome): Promise<void>
  stopping(): Promise<void>
}

export interface VoiceDeps {
  agentId: Buffer
  tenantId: Buffer
  version: string
  /** Whatever must be equal on all agents of a tenant; only its hash leaves. */
  configuration: unknown
  keys: Pick<AgentKeys, 'forEvents' | 'prove'>
  facts(): Promise<DomainState[]>
  relay: Loop['relay']
  tally: Tally
  clock: Clock
  log: Log
}

export function createVoice(deps: VoiceDeps): Voice {
  const { clock, log, relay } = deps
  const boot = { bootId: randomBytes(16), bootStartedAt: clock.now() }
  const configuration = createHash('sha256').update(JSON.stringify(deps.configuration)).digest().subarray(0, 8)
  let sequence = 0
  const speaker = (): Speaker => {
    sequence += 1
    return { agentId: deps.agentId, ...boot, sequence, sentAt: clock.now() }
  }

  async function say(event: AgentEvent, link: AgentLink): Promise<void> {
    const id = newId()
    const body = sealEvent(event, await deps.keys.forEvents(), deps.tenantId, id)
    await link.send('events', { messageId: messageIdOf(id), body, ttlMs: eventTtlMs })
  }

  async function heartbeat(): Promise<boolean> {
    try {
      const link = await relay.ready(clock.deadline(60_000))
      const [proven, domains] = await Promise.all([deps.keys.prove(), deps.facts()])
      const linkProven = relay.provenWithin(provenWithinMs)
      const facts = { version: deps.version, linkProven, ...proven, configuration, domains, counters: deps.tally.read() }
      await say({ kind: 'heartbeat', ...speaker(), ...facts }, link)
      log('heartbeat', { sequence, count: domains.filter((domain) => domain.reachable).length })
      return true
    } catch (error) {
      log('heartbeatFailed', { fault: faultWord(error) })
      return false
    }
  }

  return {
    async beat(signal) {
      while (!signal.aborted) {
        const pauseMs = (await heartbeat()) ? everyMs : againAfterMs
        await clock.sleep(pauseMs, { signal, unref: true }).catch(() => {})
      }
    },
    async settled(request, outcome) {
      const link = await relay.ready(clock.deadline(60_000))
      const event: Settled = { kind: 'settled', ...speaker(), request, outcome }
      await say(event, link)
    },
    async stopping() {
      const link = relay.current()
      // A broker that is gone as well must not keep the agent from stopping: without this word it is down in ten minutes.
      if (link) await Promise.race([say({ kind: 'stopping', ...speaker() }, link), clock.sleep(lastWordMs, { unref: true })])
    },
  }
}
