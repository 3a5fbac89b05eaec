/**
 * `npm run bench -- e2e`: what the way through the cloud costs, as a ratio in one run.
 *
 * Bare: one `ldapts` reset with policy hints and unlock, the same modify as the agent's, on a warm, bound connection. Whole: from the HTTP submit to its answer, gate
 * passed before. Interleaved, each on users of its own, so that both see the same machine and the same directory. What is
 * measured is what ships (bundles), and both clients are as plain as can be, on warm connections.
 */
import { Client } from 'ldapts'
import { change, PolicyHints, reset } from '../local/directory/testing.ts'
import type { ResetFlow } from '../local/reset-client.ts'
import type { System } from '../local/system.ts'
import { round, type Spread, spread, timed } from './figures.ts'
import { extraUsersOf, passGates, submit } from './people.ts'

export interface E2eResult {
  bareMs: Spread
  wholeMs: Spread
  ratio: number
  samples: number
  directory: string
  bytes: { request: number; reply: number; heartbeat: number }
}

/** Beyond these the programs are as fast as they get. */
export const warmUps = 20
const unlock = change('replace', 'lockoutTime', '0')

export async function e2e(system: System, samples: number, directory: string, progress: (line: string) => void): Promise<E2eResult> {
  const users = extraUsersOf(system)
  const count = samples + warmUps
  const bareUsers = users.slice(0, count)
  const wholeUsers = users.slice(count, 2 * count)
  if (wholeUsers.length < count) throw new Error(`not enough users: ${users.length} for ${samples} samples`)
  progress(`${count} people pass the gate …`)
  const flows = await passGates(system, wholeUsers)
  const client = await warmConnection(system)
  const bare: number[] = []
  const whole: number[] = []
  progress(`${samples} samples, interleaved …`)
  for (let i = 0; i < count; i++) {
    const user = bareUsers[i]
    const flow = flows[i]
    if (!user || !flow) throw new Error('unreachable: as many users as samples')
    const password = `Fresh-Horse-${i}-Battery!`
    const bareMs = await timed(() => client.modify(user.dn, [...reset(password), unlock], new PolicyHints()))
    const wholeMs = await timed(() => expectDone(system.url, flow, password))
    if (i < warmUps) continue
    bare.push(bareMs)
    whole.push(wholeMs)
  }
  await client.unbind()
  const [bareMs, wholeMs] = [spread(bare), spread(whole)]
  return { bareMs, wholeMs, ratio: round(wholeMs.p50 / bareMs.p50), samples, directory, bytes: await bytes(system) }
}

async function expectDone(url: string, flow: ResetFlow, newPassword: string): Promise<void> {
  const { status, text } = await submit(url, flow, newPassword)
  if (status !== 200) throw new Error(`a reset was answered with ${status} ${text}`)
}

async function warmConnection({ directory, forest }: System): Promise<Client> {
  const client = new Client({ url: directory.url, tlsOptions: { ca: directory.ca, servername: forest.hostName } })
  await client.bind(forest.serviceAccount.dn, forest.serviceAccount.password)
  return client
}

/** Bodies as sent; the largest of each kind in this run. */
async function bytes({ parts }: System): Promise<E2eResult['bytes']> {
  const largest = async (queue: 'requests' | 'replies' | 'events') =>
    Math.max(...(await parts.bus.call('recent', queue)).map(({ bodyBytes }) => bodyBytes))
  return { request: await largest('requests'), reply: await largest('replies'), heartbeat: await largest('events') }
}
