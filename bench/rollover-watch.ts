/**
 * Who used a key version after it was disabled, for `npm run bench -- rollover`: told from outside, by the vault's list of
 * versions and by the messages on the bus, which name the package key version they are sealed under; and from inside, by what
 * agents and functions could not open.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { System } from '../local/what-runs.ts'
import { readKeyVersion } from '../shared/envelope.ts'

export interface Watch {
  /** Package key versions that messages were sealed under, so far. */
  versions(): number
  /** Ends the watch and counts. */
  underDisabledVersion(): Promise<number>
}

const everyMs = 250
const queueNames = ['requests', 'replies', 'events'] as const
/** Written for a message that did not open, by whoever had it. */
const unopened = ['envelopeRejected', 'replyRejected']

export function startWatch(system: System): Watch {
  const { vault, bus } = system.parts
  /** When a version was first seen disabled. */
  const disabledAt = new Map<string, number>()
  const messages = new Map<string, { version: string; enqueuedAt: number }>()
  const over = new AbortController()
  const watching = watch()
  watching.catch(() => {})
  return {
    versions: () => new Set([...messages.values()].map(({ version }) => version)).size,
    async underDisabledVersion() {
      over.abort()
      await watching
      const late = [...messages.values()].filter(
        ({ version, enqueuedAt }) => enqueuedAt > (disabledAt.get(version) ?? Number.POSITIVE_INFINITY),
      )
      return late.length + (await countUnopened(system))
    },
  }

  async function watch(): Promise<void> {
    while (!over.signal.aborted) {
      await look()
      await sleep(everyMs)
    }
    await look()
  }

  async function look(): Promise<void> {
    const at = Date.now()
    for (const { version, enabled, name } of await vault.call('versions'))
      if (name === 'package-key' && !enabled && !disabledAt.has(version)) disabledAt.set(version, at)
    for (const queue of queueNames)
      for (const { messageId, bodyBase64, enqueuedAt } of await bus.call('recent', queue))
        messages.set(`${queue} ${messageId} ${enqueuedAt}`, {
          version: readKeyVersion(Buffer.from(bodyBase64, 'base64')).toString('hex'),
          enqueuedAt,
        })
  }
}

async function countUnopened(system: System): Promise<number> {
  const events = (await logsOf(system)).matchAll(/"event":"(\w+)"/g)
  return [...events].filter(([, event = '']) => unopened.includes(event)).length
}

/** Why calls were not answered with what was asked for: routes and faults, as the function app logged them. */
export async function faultsOf(system: System): Promise<Record<string, number>> {
  const found = (await logsOf(system)).matchAll(/"event":"handlerFailed".*?"route":"(\w+)","fault":"(\w+)"/g)
  const faults: Record<string, number> = {}
  for (const [, route, fault] of found) faults[`${route} ${fault}`] = (faults[`${route} ${fault}`] ?? 0) + 1
  return faults
}

async function logsOf({ folder, agents }: System): Promise<string> {
  const names = new Set(['host', ...agents.map(({ name }) => name)])
  const logs = await Promise.all([...names].map((name) => readFile(join(folder, 'logs', `${name}.log`), 'utf8')))
  return logs.join('\n')
}
