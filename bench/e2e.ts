/**
 * `npm run bench -- e2e`: what the way through the cloud costs, as a ratio in one run.
 *
 * Bare: one `ldapts` reset with policy hints and unlock, the same modify as the agent's, on a warm, bound connection. Whole: from the HTTP submit to its answer, gate
 * passed before. Interleaved, each on users of its own, so that both see the same machine and the same directory. What is
 * measured is what ships (bundles), and both clients are as plain as can be, on warm connections.
 */
import { Client } from 'ldapts'
import { change, PolicyHints, reset } from '../local/directory/testing.ts'
import type { System } from '../local/what-runs.ts'
import { round, type Spread, spread, timed } from './figures.ts'
import { extraUsersOf, passGates, submitDone } from './people.ts'

/** `ratio`: of the medians. */
export interface Interleaved {
  bareMs: Spread
  wholeMs: Spread
  ratio: number
  samples: number
}

export interface E2eResult extends Interleaved {
  directory: string
  bytes: { request: number; reply: number; heartbeat: number }
}

/** Not counted: by then what runs most is compiled. */
export const warmUps = 100
const unlock = change('replace', 'lockoutTime', '0')

export async function e2e(system: System, samples: number, directory: string, progress: (line: string) => void): Promise<E2eResult> {
  const count = samples + warmUps
  progress(`${count} people pass the gate …`)
  const flows = await passGates(system, extraUsersOf(system).slice(count, 2 * count))
  const measured = await againstBare(system, samples, flows, progress, (flow, password) => submitDone(system.url, flow, password))
  return { ...measured, directory, bytes: await bytes(system) }
}

/** `whole` resets the password of one of `others` after the other, who are not among the first `samples + warmUps`: these are reset bare. */
export async function againstBare<T>(
  system: System,
  samples: number,
  others: readonly T[],
  progress: (line: string) => void,
  whole: (one: T, newPassword: string) => Promise<void>,
): Promise<Interleaved> {
  const bare = extraUsersOf(system).slice(0, others.length)
  if (others.length !== samples + warmUps) throw new Error(`not enough users: ${others.length} for ${samples} samples`)
  const client = await warmConnection(system)
  const [bareTimes, wholeTimes]: [number[], number[]] = [[], []]
  progress(`${samples} samples, interleaved …`)
  for (const [at, other] of others.entries()) {
    const password = `Fresh-Horse-${at}-Battery!`
    const dn = bare[at]?.dn ?? ''
    bareTimes.push(await timed(() => client.modify(dn, [...reset(password), unlock], new PolicyHints())))
    wholeTimes.push(await timed(() => whole(other, password)))
  }
  await client.unbind()
  const [bareMs, wholeMs] = [spread(bareTimes.slice(warmUps)), spread(wholeTimes.slice(warmUps))]
  return { bareMs, wholeMs, ratio: round(wholeMs.p50 / bareMs.p50), samples }
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
