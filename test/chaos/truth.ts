/** Whose password works, and which were ever written: read from the directory when all is quiet. */
import { bindAs } from '../../local/bind.ts'
import type { SampleUser } from '../../local/directory/seed.ts'
import type { System } from '../../local/what-runs.ts'
import type { History } from './history.ts'
import type { Workload } from './workload.ts'

export async function readTruth(
  system: System,
  { requests, others }: Workload,
  directory: 'embedded' | 'samba',
): Promise<Pick<History, 'written' | 'inForce'>> {
  const written: History['written'] = []
  const inForce: History['inForce'] = new Map()
  const counts = await system.parts.directory.call('writes')
  for (const user of new Set(requests.map((request) => request.user))) {
    const person = system.forest.users.find(({ sam }) => sam === user)
    if (!person) throw new Error(`nobody is called ${user}`)
    const ours = requests.filter((request) => request.user === user)
    const theirs = others.filter((other) => other.user === user)
    const candidates = [...ours, ...theirs].map((one) => ({
      password: one.password,
      by: 'number' in one ? one.number : ('somebody else' as const),
    }))
    const log = directory === 'embedded' ? await logOf(user, candidates) : await guess(person, candidates, counts[person.objectGuid] ?? 0)
    written.push(...log)
    const last = candidates.find(({ by }) => by === log.at(-1)?.by)
    inForce.set(user, await whose(person, last ? [last, ...candidates] : candidates))
  }
  return { written, inForce }

  async function logOf(user: string, candidates: readonly Candidate[]): Promise<History['written']> {
    const log = await system.parts.directory.call(
      'writeLog',
      user,
      candidates.map(({ password }) => password),
    )
    return log.map(({ at, candidate }) => ({ at, user, by: candidates[candidate]?.by ?? 'somebody else' }))
  }

  /** Samba counts writes and keeps no log: the one in force is the last, and what is left over must have been another of theirs. */
  async function guess(person: SampleUser, candidates: readonly Candidate[], count: number): Promise<History['written']> {
    const inForce = await whose(person, candidates.toReversed())
    const rest = candidates.filter(({ by }) => by !== inForce).map(({ by }) => by)
    const order = inForce === 'the first' || inForce === undefined ? rest : [...rest, inForce]
    return order.slice(order.length - count).map((by) => ({ at: 0, user: person.sam, by }))
  }

  async function whose(person: SampleUser, candidates: readonly Candidate[]): Promise<Candidate['by'] | 'the first' | undefined> {
    const all = [...candidates, { password: person.password, by: 'the first' as const }]
    for (const { password, by } of all) if (await works(person, password)) return by
    return undefined
  }

  /** A bind says "refused" also of the right password, if it must be changed; then only the stand-in can tell. */
  async function works({ sam, dn }: SampleUser, password: string): Promise<boolean> {
    if ((await bindAs(system.directory, dn, password)) === 'accepted') return true
    return directory === 'embedded' && (await system.parts.directory.call('verifyPassword', sam, password))
  }
}

type Candidate = { password: string; by: History['written'][number]['by'] }
