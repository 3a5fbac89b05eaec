/**
 * The Service Bus stand-in: queues of `infra/topology.ts` behind AMQP 1.0, for the unmodified `@azure/service-bus`.
 *
 * Modelled on what the service documents and the SDK relies on; rights, lock times, times to live and size limits are
 * enforced. Composition only: each part has its own file, from `wire.ts` (spelling) up to `control.ts` (what tests may do).
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Queue } from '../../infra/topology.ts'
import { type Clock, every, systemClock } from '../../shared/clock.ts'
import type { StandIn } from '../stand-in.ts'
import type { SasRule, VerifyJwt } from './authorization.ts'
import { type Broker, makeBroker } from './broker.ts'
import { Connections } from './connections.ts'
import { busControl, detachIdle } from './control.ts'
import { type EntraOptions, judgeEntraTokens } from './entra-tokens.ts'
import { Listeners, type Ports } from './listeners.ts'

export interface BusOptions {
  queues: Readonly<Record<string, Queue>>
  rules: readonly SasRule[]
  /** Without a certificate there is plain TCP only. */
  tls?: { cert: string; key: string }
  ports?: Partial<Ports>
  clock?: Clock
  /** Whose tokens are good, and who is who. Without it (and without `verifyJwt`) Entra tokens are refused. */
  entra?: EntraOptions
  /** For tests of what a token is worth, whoever gave it. */
  verifyJwt?: VerifyJwt
  /** The service detaches links after ten idle minutes; off unless given. */
  idleDetachMs?: number
}

/** A port is 0 where nothing listens (`tls` and `ws` without a certificate). */
export type BusAddresses = Ports
export type BusControl = ReturnType<typeof busControl>
export type Bus = StandIn<BusAddresses, BusControl>

export async function startBus(options: BusOptions): Promise<Bus> {
  const { clock = systemClock, entra } = options
  const principals = new Map(Object.entries(entra?.principals ?? {}))
  const verifyJwt = options.verifyJwt ?? (entra && judgeEntraTokens(entra, principals, clock))
  const broker = makeBroker({ queues: options.queues, rules: options.rules, clock, verifyJwt, principals })
  const connections = new Connections(broker)
  const listeners = new Listeners({ tcp: 0, tls: 0, ws: 0, ...options.ports }, options.tls, (stream, socket) =>
    connections.accept(stream, socket),
  )
  await listeners.open()
  const ended = new AbortController()
  if (options.idleDetachMs !== undefined) void watchIdle(broker, connections, options.idleDetachMs, ended.signal)
  return {
    addresses: listeners.ports,
    control: busControl(broker, connections, listeners),
    async close() {
      ended.abort()
      const closed = listeners.close()
      connections.end({})
      await nextTurn() // the close frames are written in the next tick
      connections.end({ silent: 'destroy' })
      await closed
      for (const entity of broker.entities.values()) entity.stop()
    },
  }
}

function watchIdle(broker: Broker, connections: Connections, idleDetachMs: number, signal: AbortSignal): Promise<void> {
  return every(broker.clock, idleDetachMs / 4, signal, async () => {
    const now = broker.clock.now()
    for (const peer of connections.peers()) {
      const idle = peer.attached().filter((attached) => now - attached.lastUsedAt >= idleDetachMs)
      for (const attached of idle) detachIdle(peer, attached)
    }
  })
}
