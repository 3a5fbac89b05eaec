import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '../shared/fault.ts'
import { Secret } from '../shared/secret.ts'
import { type Bench, fine, startBench } from './agent.fixture.ts'
import type { Directory, Refusal } from './directory/directory.ts'
import type { Begun } from './journal.ts'
import { openPasswords } from './open.ts'
import { decisions, unlessBegun } from './redelivery.ts'
import { type Passwords, type ResetJob, reset } from './reset.ts'

let bench: Bench
beforeEach(async () => {
  bench = await startBench()
})
afterEach(() => bench.close())

const sam = 'alice.adams'
const wiped = expect.objectContaining({ code: 'SECRET_WIPED' })

interface Noted {
  begun: Begun[]
  refused: Refusal[]
  marks: string[]
}

function job(over: Partial<ResetJob> = {}, password = Secret.fromText(fine)): ResetJob & { noted: Noted; password: Secret } {
  const noted: Noted = { begun: [], refused: [], marks: [] }
  return {
    request: {
      operation: 'reset',
      actor: 'self',
      issuedAt: 0,
      startWithinMs: 14_000,
      sourceAnchor: bench.server.control.user(sam).immutableId,
      flags: 1,
    },
    decisions,
    openPasswords: async () => ({ fresh: password }),
    confirm: async () => {},
    again: false,
    othersHadIt: false,
    begun: undefined,
    ageMs: () => 0,
    mayBegin: () => true,
    admit: () => true,
    begin: (begun) => void noted.begun.push(begun),
    mark: (step) => void noted.marks.push(step),
    refused: (refusal) => void noted.refused.push(refusal),
    noted,
    password,
    ...over,
  }
}

const run = (of: ResetJob, directory: Directory = bench.deps.directory) => reset(of, directory)

describe('the order of things', () => {
  test('looked up, noted, written', async () => {
    const one = job()
    expect(await run(one)).toEqual({ outcome: { kind: 'done' }, policy: undefined })
    expect(bench.seen.calls).toEqual(['locate', 'eligibility', 'setPassword'])
    expect(one.noted).toEqual({
      begun: [{ pwdLastSet: expect.any(BigInt), domain: 'corp.example.test', guid: expect.any(Buffer) }],
      refused: [],
      marks: ['lookedUp', 'set'],
    })
  })

  test('who must not be touched: no note and no write', async () => {
    const heidi = bench.server.control.user('heidi.admin').immutableId
    const one = job()
    expect(await run({ ...one, request: { ...one.request, sourceAnchor: heidi } })).toMatchObject({ outcome: { kind: 'protectedAccount' } })
    expect(one.noted.begun).toEqual([])
  })

  test('no write without a note: what cannot be journalled is not begun', async () => {
    const broken = new Fault('JOURNAL_FAILED', 'the journal could not be read or written', { permanent: true })
    const one = job({
      begin: () => {
        throw broken
      },
    })
    await expect(run(one)).rejects.toBe(broken)
    expect(bench.writes(sam)).toBe(0)
  })

  test('the age is asked again at the write itself', async () => {
    let asked = 0
    const one = job({
      mayBegin: () => {
        asked += 1
        return asked === 1
      },
    })
    expect(await run(one)).toMatchObject({ outcome: { kind: 'expired' } })
    expect(bench.writes(sam)).toBe(0)
  })

  test('the lock-out is lifted if the request says so', async () => {
    const frank = bench.server.control.user('frank.locked').immutableId
    const one = job()
    await run({ ...one, request: { ...one.request, sourceAnchor: frank } })
    expect(bench.server.control.user('frank.locked').locked).toBe(false)
  })

  test('a right that is missing for "must change" is noted for the administrator, and the password is set all the same', async () => {
    const { dn, scope } = bench.server.forest.serviceAccount
    bench.server.control.revoke(dn)
    bench.server.control.grant(dn, scope, ['resetPassword', 'lockoutTime'])
    const one = job()
    expect(await run({ ...one, request: { ...one.request, flags: 3 } })).toMatchObject({ outcome: { kind: 'done' } })
    expect(one.noted.refused).toMatchObject([{ ldapCode: 50 }])
    expect(bench.has(sam, fine)).toBe(true)
  })
})

describe('the password is wiped', () => {
  const isWiped = (secret: Secret) => expect(() => secret.use(() => 'reached')).toThrow(wiped)

  test.each<[string, (one: ReturnType<typeof job>) => Partial<ResetJob>]>([
    ['after it was set', () => ({})],
    ['when nobody was found', ({ request }) => ({ request: { ...request, sourceAnchor: 'nobody' } })],
    ['when it may not begin', () => ({ mayBegin: () => false })],
    ['when the journal fails', () => ({ begin: () => expect.fail('the journal') })],
  ])('%s', async (_, over) => {
    const one = job()
    await run({ ...one, ...over(one) }).catch(() => {})
    isWiped(one.password)
  })

  test('also if it arrives when all is over', async () => {
    const late = Promise.withResolvers<Passwords>()
    bench.server.control.fault({ kind: 'dropBeforeWrite', operation: 'search' })
    const one = job({ openPasswords: () => late.promise })
    await expect(run(one)).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' })
    late.resolve({ fresh: one.password })
    await late.promise
    await bench.clock.advance(0)
    isWiped(one.password)
  })

  test('a vault that fails when all is over troubles nobody', async () => {
    const late = Promise.withResolvers<Passwords>()
    bench.server.control.fault({ kind: 'dropBeforeWrite', operation: 'search' })
    await expect(run(job({ openPasswords: () => late.promise }))).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' })
    late.reject(new Fault('KEY_UNAVAILABLE', 'the vault did not answer'))
    await bench.clock.advance(0)
    expect(bench.writes(sam)).toBe(0)
  })

  test('it is opened once', async () => {
    let opened = 0
    const wish = bench.wish(sam, fine)
    const request = { ...job().request, newPassword: Buffer.alloc(256), passwordKey: Buffer.from(bench.vault.passwordKey.version) }
    await run(
      job({
        request,
        openPasswords: () => {
          opened += 1
          return openPasswords({ request, id: wish.id }, bench.vault.keys)
        },
      }),
    )
    expect(opened).toBe(1)
  })
})

describe('"not changed"', () => {
  test.each([
    [false, false, 'expired'],
    [true, false, 'unknown'],
    [false, true, 'unknown'],
    [true, true, 'unknown'],
  ])('begun here %s, had by others %s: %s', (here, othersHadIt, kind) => {
    expect(
      unlessBegun(
        { begun: here ? { pwdLastSet: 1n, domain: 'corp.example.test', guid: Buffer.alloc(16) } : undefined, othersHadIt },
        { kind: 'expired' },
      ),
    ).toEqual({ kind })
  })

  test('a policy that cannot be read does not hide the refusal', async () => {
    const directory: Directory = new Proxy(bench.deps.directory, {
      get: (target, name, receiver) =>
        name === 'policy' ? () => Promise.reject(new Fault('DIRECTORY_UNAVAILABLE', 'gone')) : Reflect.get(target, name, receiver),
    })
    expect(await run(job({}, Secret.fromText('Short-7')), directory)).toEqual({
      outcome: { kind: 'policy.length', minLength: 10 },
      policy: undefined,
    })
  })
})

test.each([
  ['by this agent', { begun: { pwdLastSet: 1n, domain: 'corp.example.test', guid: Buffer.alloc(16) } }],
  ['perhaps by another', { othersHadIt: true }],
])('a person who is not found any more, after a write was begun %s: unknown, not "not changed"', async (_, earlier) => {
  const one = job({ again: true, ...earlier })
  const sourceAnchor = Buffer.alloc(16, 9).toString('base64')
  expect(await run({ ...one, request: { ...one.request, sourceAnchor } })).toEqual({ outcome: { kind: 'unknown' } })
})
