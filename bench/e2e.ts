/**
 * `npm run bench -- e2e`: what the way through the cloud costs, as a ratio in one run.
 *
 * Bare: one `ldapts` reset with policy hints and unlock, the same modify as the agent's, on a warm, bound connection. Whole: from the HTTP submit to its answer, gate
 * passed before. Interleaved, each on users of its own, so that both see the same machine and the same directory. What is
 * measured is what ships (bundles), and both clients are as plain as can be, on warm connections.
 */
import { once } from 'node:events'
import http from 'node:http'
import { Client } from 'ldapts'
import { change, PolicyHints, reset } from '../local/directory/testing.ts'
import { codeIn, type ResetFlow, startReset } from '../local/reset-client.ts'
import type { System } from '../local/system.ts'
import { round, type Spread, spread, timed } from './figures.ts'

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
const gatesAtOnce = 6
const unlock = change('replace', 'lockoutTime', '0')

export async function e2e(system: System, samples: number, directory: string, progress: (line: string) => void): Promise<E2eResult> {
  const users = system.forest.users.filter(({ sam }) => /^user\d+$/.test(sam))
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

async function passGates(system: System, users: readonly { upn: string; mail: string }[]): Promise<ResetFlow[]> {
  const flows: ResetFlow[] = []
  for (let from = 0; from < users.length; from += gatesAtOnce) {
    const some = users.slice(from, from + gatesAtOnce)
    flows.push(...(await Promise.all(some.map((user) => passGate(system, user)))))
  }
  return flows
}

export async function passGate(system: System, { upn, mail }: { upn: string; mail: string }): Promise<ResetFlow> {
  const flow = await startReset(system.url, upn)
  await flow.challenge()
  const { text } = await system.parts.mail.call('waitFor', mail, 0, 20_000)
  await flow.verify(codeIn(text))
  return flow
}

const keepAlive = new http.Agent({ keepAlive: true })

async function expectDone(url: string, { id, cookie }: ResetFlow, newPassword: string): Promise<void> {
  const body = JSON.stringify({ newPassword })
  const headers = { cookie, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const request = http.request(`${url}/api/reset/${id}/password`, { method: 'POST', agent: keepAlive, headers })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const answer = (await response.toArray()).join('')
  if (response.statusCode !== 200) throw new Error(`a reset was answered with ${response.statusCode} ${answer}`)
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
