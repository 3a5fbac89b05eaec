/**
 * `npm run bench -- sdks`: what the fixed packages cost by themselves, as a ratio in one run.
 *
 * The same bare reset as in e2e.ts against the same calls that the product makes (two table writes, one message there and one back,
 * the vault's decrypt, the lock renewed, one directory read and the write) by two programs that do nothing else: no envelope, no
 * checks, no journal, no Functions host. What the product takes beyond this is its own.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { end, spawnNode } from '../local/process.ts'
import type { System } from '../local/what-runs.ts'
import { againstBare, type Interleaved, warmUps } from './e2e.ts'
import { extraUsersOf, post } from './people.ts'

/** `system` has been started without agents, and with bench/sdks-agent.ts for what an agent is. */
export async function sdks(system: System, samples: number, progress: (line: string) => void): Promise<Interleaved> {
  const { event } = await system.startAgent()
  const { key } = await event('agentStarted')
  const environment = { ...system.functionsEnvironment, PASSWORD_KEY: JSON.stringify(key) }
  const functions = spawnNode('bench/sdks-functions.ts', [], 'sdks-functions', { logFolder: join(system.folder, 'logs'), environment })
  try {
    const [{ port }] = await once(functions, 'message')
    const users = extraUsersOf(system).slice(samples + warmUps)
    const ask = async (path: string, given: object) => {
      const { status } = await post(`http://127.0.0.1:${port}/${path}`, given)
      if (status !== 200) throw new Error(`${path} was answered with ${status}`)
    }
    for (const { sam } of users) await ask('flow', { id: sam })
    return await againstBare(system, samples, users, progress, ({ sam, dn }, newPassword) => ask('password', { id: sam, dn, newPassword }))
  } finally {
    await end(functions)
  }
}
