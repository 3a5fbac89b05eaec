/**
 * Everything that may break, by name. Each fault does its harm, lasts a moment and ends; it resolves with whether it took effect.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultSpec } from '../../local/bus/faults.ts'
import type { DirectoryFault } from '../../local/directory/faults.ts'
import type { Forwarder } from '../../local/forwarder.ts'
import type { VaultFault } from '../../local/vault/vault.ts'
import type { System } from '../../local/what-runs.ts'
import type { Crew } from './crew.ts'
import { points } from './orders.ts'
import type { Random } from './random.ts'

export interface Scene {
  system: System
  /** Between the agents and the domain controller. */
  forwarder: Forwarder
  crew: Crew
  random: Random
}

export type Fire = (scene: Scene) => Promise<boolean>

/** Ordered, given a while to take effect, and taken back. */
const bus =
  (spec: FaultSpec, fromMs: number, toMs = fromMs): Fire =>
  async ({ system, random }) => {
    await system.parts.bus.call('fault', spec)
    await sleep(random.between(fromMs, toMs))
    await system.parts.bus.call('clearFaults')
    return true
  }

const cutBus =
  (ending: object, then?: FaultSpec): Fire =>
  async ({ system }) => {
    if (then) await system.parts.bus.call('fault', then)
    const cut = await system.parts.bus.call('dropConnections', ending)
    await sleep(1_500)
    if (then) await system.parts.bus.call('clearFaults')
    return cut > 0
  }

const vault =
  (kind: VaultFault, count: number): Fire =>
  async ({ system }) => {
    await system.parts.vault.call('faults', [{ kind, count }])
    await sleep(1_500)
    await system.parts.vault.call('faults', [])
    return true
  }

const directory =
  (fault: DirectoryFault, fromMs: number, toMs = fromMs): Fire =>
  async ({ system, random }) => {
    await system.parts.directory.call('fault', fault)
    await sleep(random.between(fromMs, toMs))
    await system.parts.directory.call('clearFaults')
    return true
  }

const stalled =
  (direction: 'toServer' | 'toClient' | 'both'): Fire =>
  async ({ forwarder, random }) => {
    forwarder.stall(direction)
    await sleep(random.between(200, 4_000))
    forwarder.resume()
    return true
  }

const stops = points.flatMap((point): [string, Fire][] => [
  [`killed:${point}`, ({ crew }) => crew.stopAt(point, 'SIGKILL', 0, 4_000)],
  [`suspended:${point}`, ({ crew, random }) => crew.stopAt(point, 'SIGSTOP', random.between(500, 8_000), 4_000)],
])

const everywhere: Record<string, Fire> = {
  async busRestart({ system, random }) {
    await system.parts.bus.call('down')
    await sleep(random.between(200, 1_500))
    await system.parts.bus.call('up')
    return true
  },
  connectionForced: cutBus({ condition: 'amqp:connection:forced' }),
  closedSilently: cutBus({ silent: 'close' }),
  connectionLost: cutBus({ silent: 'destroy' }),
  halfOpen: cutBus({ silent: 'freeze' }),
  async busFrozen({ system, random }) {
    await system.parts.bus.call('freeze')
    await sleep(random.between(300, 2_500))
    await system.parts.bus.call('thaw')
    return true
  },
  async idleDetached({ system, random }) {
    return (await system.parts.bus.call('detachIdle', random.pick(['requests', 'replies', 'events']))) > 0
  },
  async detachedSilently({ system, random }) {
    return (await system.parts.bus.call('detachSilently', random.pick(['requests', 'replies', 'events']))) > 0
  },
  tokensRefused: cutBus({ condition: 'amqp:connection:forced' }, { kind: 'refuseTokens', count: 3 }),
  tokensIgnored: cutBus({ silent: 'destroy' }, { kind: 'ignoreTokens', count: 2 }),
  sendsRejected: bus({ kind: 'rejectSends', count: 4 }, 1_500),
  requestsIgnored: bus({ kind: 'ignoreSends', queue: 'requests', count: 2 }, 1_500),
  requestsInDoubt: bus({ kind: 'sendsInDoubt', queue: 'requests', count: 3 }, 1_500),
  repliesIgnored: bus({ kind: 'ignoreSends', queue: 'replies', count: 2 }, 1_500),
  repliesInDoubt: bus({ kind: 'sendsInDoubt', queue: 'replies', count: 3 }, 1_500),
  settlementsIgnored: bus({ kind: 'ignoreSettlements', queue: 'requests', count: 2 }, 1_500),
  settlementsInDoubt: bus({ kind: 'settlementsInDoubt', queue: 'requests', count: 2 }, 1_500),
  requestsHeld: bus({ kind: 'holdQueue', queue: 'requests' }, 300, 6_000),
  requestsHeldTooLong: bus({ kind: 'holdQueue', queue: 'requests' }, 7_500, 10_500),
  repliesHeld: bus({ kind: 'holdQueue', queue: 'replies' }, 300, 4_000),
  repliesRepeated: bus({ kind: 'repeatDeliveries', queue: 'replies', count: 4 }, 1_500),
  requestsDelayed: (scene) =>
    bus({ kind: 'delayMessages', queue: 'requests', count: 4, ms: scene.random.between(300, 2_000) }, 1_500)(scene),
  requestsReordered: bus({ kind: 'newestFirst', queue: 'requests' }, 2_000),
  vaultThrottled: vault('throttle', 4),
  vaultUnavailable: vault('unavailable', 4),
  vaultHung: vault('hang', 2),
  async vaultSlow({ system, random }) {
    await system.parts.vault.call('slow', Math.round(random.between(200, 1_500)))
    await sleep(2_000)
    await system.parts.vault.call('slow', 0)
    return true
  },
  async ldapCut({ forwarder }) {
    forwarder.cut()
    return true
  },
  ldapStalledToServer: stalled('toServer'),
  ldapStalledToAgent: stalled('toClient'),
  ldapStalled: stalled('both'),
  async ldapHalfClosed({ forwarder }) {
    forwarder.halfClose()
    return true
  },
  async ldapRefused({ forwarder, random }) {
    forwarder.refuse()
    forwarder.cut()
    await sleep(random.between(300, 1_500))
    forwarder.refuse(false)
    return true
  },
  ...Object.fromEntries(stops),
  async killed({ crew }) {
    crew.anybody().kill('SIGKILL')
    return true
  },
  async suspended({ crew, random }) {
    const agent = crew.anybody()
    agent.kill('SIGSTOP')
    await sleep(random.between(500, 8_000))
    agent.kill('SIGCONT')
    return true
  },
  clockAhead: clockOff(600_000),
  clockBehind: clockOff(-600_000),
  async functionsKilled({ system }) {
    const { comeBack } = await system.killHost()
    await sleep(300)
    await comeBack()
    return true
  },
  async replayed({ system, random }) {
    const taken = await system.parts.bus.call('recent', 'requests')
    if (taken.length === 0) return false
    const { bodyBase64, messageId } = random.pick(taken)
    // Under its own id the broker drops it, as long as it remembers; under another one it does not open.
    for (const id of [messageId, `${messageId.slice(0, 21)}A`])
      await system.parts.bus.call('send', 'requests', { bodyBase64, messageId: id, replyToSessionId: 'somebody', timeToLiveMs: 10_000 })
    return true
  },
}

function clockOff(ms: number): Fire {
  return async ({ crew, random }) => {
    const agent = crew.anybody()
    crew.order(agent, { kind: 'clockOff', ms })
    await sleep(random.between(500, 8_000))
    crew.order(agent, { kind: 'clockOff', ms: 0 })
    return true
  }
}

/** What only the stand-in for the directory can be told to do. */
const embedded: Record<string, Fire> = {
  directoryHung: directory({ kind: 'hang', operation: 'modify' }, 200, 5_000),
  directoryHungAtBind: directory({ kind: 'hang', operation: 'bind' }, 200, 4_000),
  lostAfterWrite: directory({ kind: 'dropAfterWrite', operation: 'modify', count: 2 }, 1_000),
  lostBeforeWrite: directory({ kind: 'dropBeforeWrite', operation: 'modify', count: 2 }, 1_000),
  directoryBusy: directory({ kind: 'busy', operation: 'modify', count: 3 }, 1_000),
  directoryUnavailable: directory({ kind: 'unavailable', operation: 'search', count: 3 }, 1_000),
  async directoryRestarted({ system, random }) {
    await system.parts.directory.call('stop')
    await sleep(random.between(200, 1_500))
    await system.parts.directory.call('start')
    return true
  },
}

export const faultsOn = (directory: 'embedded' | 'samba'): Record<string, Fire> =>
  directory === 'samba' ? everywhere : { ...everywhere, ...embedded }
