/**
 * What is broken for `npm run bench -- recovery`, and how: each resolves at the moment from which recovery counts, which is the
 * fault's end, or its beginning where it has no end (a connection that is gone stays gone).
 *
 * `lasting`: the fault stays for a while, in which people go on trying.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { System } from '../local/what-runs.ts'

const lastingMs = 5_000
const lasting = () => sleep(lastingMs)
const always = 1_000_000

type Break = (system: System) => Promise<unknown>

const vaultFault =
  (kind: 'throttle' | 'unavailable' | 'hang'): Break =>
  async ({ parts: { vault } }) => {
    await vault.call('faults', [{ kind, count: always }])
    await lasting()
    await vault.call('faults', [])
  }

/** A new connection needs a new token, so the old ones are ended. */
const tokenFault =
  (kind: 'ignoreTokens' | 'refuseTokens'): Break =>
  async ({ parts: { bus } }) => {
    await bus.call('fault', { kind })
    await bus.call('dropConnections', {})
    await lasting()
    await bus.call('clearFaults')
  }

async function killAgent({ agents }: System): Promise<void> {
  agents.at(-1)?.kill('SIGKILL')
  await agents.at(-1)?.exited
}

async function restartAgent(system: System): Promise<void> {
  await killAgent(system)
  const agent = await system.startAgent()
  await agent.startMs()
}

export const faults = {
  brokerRestart: async ({ parts: { bus } }) => {
    await bus.call('down')
    await lasting()
    await bus.call('up')
  },
  connectionForced: ({ parts: { bus } }) => bus.call('dropConnections', {}),
  connectionReset: ({ parts: { bus } }) => bus.call('dropConnections', { silent: 'destroy' }),
  silentClose: ({ parts: { bus } }) => bus.call('dropConnections', { silent: 'close' }),
  silentDetach: async ({ parts: { bus } }) => {
    for (const queue of ['requests', 'replies']) await bus.call('detachSilently', queue)
  },
  idleDetach: async ({ parts: { bus } }) => {
    for (const queue of ['requests', 'replies']) await bus.call('detachIdle', queue)
  },
  brokerFrozen: async ({ parts: { bus } }) => {
    await bus.call('freeze')
    await lasting()
    await bus.call('thaw')
  },
  halfOpen: ({ parts: { bus } }) => bus.call('dropConnections', { silent: 'freeze' }),
  tokenUnanswered: tokenFault('ignoreTokens'),
  tokenRefused: tokenFault('refuseTokens'),
  /** The tokens ran out because no new one could be had. */
  tokenNotRenewed: async (system) => {
    const { bus, entra } = system.parts
    // An agent keeps a token that has more than five minutes to live; one that starts now has to ask for each.
    await entra.call('tokenLifetime', 240)
    await restartAgent(system)
    await entra.call('faults', [{ kind: 'unavailable', count: always }])
    await bus.call('expireTokens')
    await lasting()
    await entra.call('faults', [])
    await entra.call('tokenLifetime', 3_600)
  },
  /** Stands for a name that does not resolve and for a firewall that says no: nobody can connect, and no connection is left. */
  connectRefused: async ({ parts: { bus } }) => {
    await bus.call('refuse')
    await bus.call('dropConnections', { silent: 'destroy' })
    await lasting()
    await bus.call('refuse', false)
  },
  vaultThrottled: vaultFault('throttle'),
  vaultUnavailable: vaultFault('unavailable'),
  vaultHangs: vaultFault('hang'),
  directoryRestart: async ({ parts: { directory } }) => {
    await directory.call('stop')
    await lasting()
    await directory.call('start')
  },
  directoryLost: ({ parts: { directory } }) => directory.call('fault', { kind: 'dropBeforeWrite', operation: 'modify' }),
  agentKilled: async (system) => {
    await killAgent(system)
    await lasting()
    // Not awaited: from the moment somebody starts it.
    void system.startAgent()
  },
} satisfies Record<string, Break>

export type RecoveryFault = keyof typeof faults
