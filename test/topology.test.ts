/** Names that the product repeats (it does not read infra/) are those of infra/topology.ts, and its promises hold. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { passwordKeyName } from '../functions/keys/vault.ts'
import { flowTable } from '../functions/reset/flow.ts'
import { triggers } from '../functions/routes.ts'
import { tableNames } from '../functions/store/tables.ts'
import { type Identity, identities, type Queue, queues, storageQueues, tables, vault } from '../infra/topology.ts'
import { defaultTimes } from '../shared/times.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** All source of one folder, without tests and comments. */
function sourceOf(folder: string): string {
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  return files
    .filter((file) => file.isFile() && /\.ts$/.test(file.name) && !/\.(test|fixture)\.ts$|^test-/.test(file.name))
    .map((file) => readFileSync(join(file.parentPath, file.name), 'utf8'))
    .join('\n')
    .replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}
const product = { functions: sourceOf('functions'), agent: sourceOf('agent') }

/** The texts found by these patterns (one group each), each once, sorted. */
const named = (source: string, ...patterns: RegExp[]) =>
  [...new Set(patterns.flatMap((pattern) => [...source.matchAll(pattern)].map(([, name]) => name)))].sort()

const all: Identity[] = Object.values(identities)
const everyQueue: [string, Queue][] = Object.entries(queues)
const sorted = (names: readonly string[]) => [...names].sort()

describe('names', () => {
  it('of tables', () => {
    expect(tableNames).toEqual(tables)
    expect(tables).toContain(flowTable)
    const literals = named(
      product.functions,
      /rows\.(?:read|insert|replace|put|remove|list)(?:<[^(]*>)?\(\s*'(\w+)'/g,
      /const table = '(\w+)'/g,
    )
    expect(literals.length).toBeGreaterThan(0)
    expect(literals.filter((name) => !(tables as readonly (string | undefined)[]).includes(name))).toEqual([])
  })

  it('of storage queues', () => {
    expect([triggers.deliverChallenge.queueName]).toEqual([...storageQueues])
    expect(named(product.functions, /\bqueue = '(\w+)'/g)).toEqual([...storageQueues])
  })

  it('of keys and secrets', () => {
    expect(passwordKeyName).toBe(vault.keys.password)
    const literal = /'([a-z]+-key)'/g
    expect(named(product.functions, literal)).toEqual(sorted([vault.keys.password, vault.secrets.package, vault.secrets.state]))
    expect(named(product.agent, literal)).toEqual(sorted([vault.keys.password, vault.secrets.package]))
  })

  it('of the bus’s queues: each side sends and listens where it may', () => {
    const sends = /\bsend\(\s*'(\w+)'/g
    const listens = /\breceive(?:Session)?\(\s*'(\w+)'/g
    const may = (side: keyof typeof identities, claim: 'Send' | 'Listen') =>
      sorted(
        Object.entries(identities[side].serviceBus).flatMap(([name, claims]) =>
          (claims as readonly string[]).includes(claim) ? [name] : [],
        ),
      )
    expect(named(product.functions, sends)).toEqual(may('functions', 'Send'))
    expect(sorted([...named(product.functions, listens), triggers.onAgentEvent.queueName].map(String))).toEqual(may('functions', 'Listen'))
    expect(named(product.agent, sends)).toEqual(may('agent', 'Send'))
    expect(named(product.agent, listens)).toEqual(may('agent', 'Listen'))
  })
})

describe('queues', () => {
  it.each(everyQueue)('%s keeps nothing when its time is over, and locks for five minutes at most', (_, queue) => {
    expect(queue.deadLetterOnExpiry).toBe(false)
    expect(queue.lockMs).toBeGreaterThan(0)
    // Service Bus allows no longer lock.
    expect(queue.lockMs).toBeLessThanOrEqual(5 * 60_000)
    expect(queue.ttlMs).toBeLessThanOrEqual(5 * 60_000)
  })

  it('agree with the times both sides are configured with', () => {
    expect(queues.requests.lockMs).toBe(defaultTimes.lockMs)
    expect(queues.requests.ttlMs).toBeGreaterThanOrEqual(defaultTimes.ttlMs)
    // A retry of a send in doubt is dropped for longer than it can live.
    expect(queues.requests.duplicateDetectionMs).toBeGreaterThan(queues.requests.ttlMs)
    // The time to live always ends before a request is dead-lettered, even if it is given back every second.
    expect(queues.requests.maxDeliveryCount).toBeGreaterThan(defaultTimes.ttlMs / 1_000)
  })

  it('have sessions where a reply must find its instance, and only there', () => {
    expect(everyQueue.filter(([, { requiresSession }]) => requiresSession).map(([name]) => name)).toEqual(['replies'])
  })
})

describe('rights', () => {
  const mayDecrypt = ({ keys }: Identity) => Object.values(keys).some((actions) => actions.includes('keys/decrypt/action'))
  const maySend = ({ serviceBus }: Identity) => serviceBus.requests?.includes('Send') ?? false

  it('nobody can both open a password and send a request; somebody can do each', () => {
    expect(all.filter((each) => mayDecrypt(each) && maySend(each))).toEqual([])
    expect([all.filter(mayDecrypt).length, all.filter(maySend).length]).toEqual([1, 1])
  })

  it('agents see no table, no storage queue, no user and not the state key', () => {
    const { tables, storageQueues, graph, secrets, keys } = identities.agent
    expect([tables, storageQueues, graph]).toEqual([[], [], []])
    expect(Object.keys(secrets)).toEqual([vault.secrets.package])
    expect(
      Object.values({ ...secrets, ...keys })
        .flat()
        .filter((action) => /create|update|set/i.test(action.split('/')[1] ?? '')),
    ).toEqual([])
  })

  it('functions change nobody in the directory and manage no queue', () => {
    expect(identities.functions.graph.filter((permission) => !/\.Read(\.|$)/.test(permission))).toEqual([])
    const claims = all.flatMap(({ serviceBus }) => Object.values(serviceBus).flat())
    expect([...new Set(claims)].sort()).toEqual(['Listen', 'Send'])
  })

  it('nobody listens where they send, so that nobody can answer themselves', () => {
    for (const { serviceBus } of all) {
      for (const claims of Object.values(serviceBus)) expect(claims.length).toBe(1)
    }
  })
})
