/**
 * `npm run bench -- sdks`: what the fixed packages cost by themselves, as a ratio in one run.
 *
 * The same bare reset as in e2e.ts against the same calls that the product makes (two table writes, one message there and one back,
 * the vault's decrypt, the lock renewed, one directory read and the write) by two programs that do nothing else: no envelope, no
 * checks, no journal, no Functions host. What the product takes beyond this is its own.
 */
import { once } from 'node:events'
import http from 'node:http'
import { join } from 'node:path'
import { end, spawnNode } from '../local/process.ts'
import type { System } from '../local/what-runs.ts'
import { againstBare, type Interleaved, warmUps } from './e2e.ts'
import { extraUsersOf } from './people.ts'

const agent = new http.Agent({ keepAlive: true })

async function post(url: string, given: object): Promise<void> {
  const body = JSON.stringify(given)
  const request = http.request(url, { method: 'POST', agent, headers: { 'content-length': Buffer.byteLength(body) } })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.resume()
  await once(response, 'end')
  if (response.statusCode !== 200) throw new Error(`answered with ${response.statusCode}`)
}

/** `system` has been started without agents, and with bench/sdks-agent.ts for what an agent is. */
export async function sdks(system: System, samples: number, progress: (line: string) => void): Promise<Interleaved> {
  const { event } = await system.startAgent()
  const { key } = await event('agentStarted')
  const environment = { ...system.functionsEnvironment, PASSWORD_KEY: JSON.stringify(key) }
  const functions = spawnNode('bench/sdks-functions.ts', [], 'sdks-functions', { logFolder: join(system.folder, 'logs'), environment })
  try {
    const [{ port }] = await once(functions, 'message')
    const url = `http://127.0.0.1:${port}`
    const users = extraUsersOf(system).slice(samples + warmUps)
    for (const { sam } of users) await post(`${url}/flow`, { id: sam })
    return await againstBare(system, samples, progress, async (at, newPassword) => {
      const { sam: id, dn } = users[at] ?? { sam: '', dn: '' }
      await post(`${url}/password`, { id, dn, newPassword })
    })
  } finally {
    await end(functions)
  }
}
