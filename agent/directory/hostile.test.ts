/** Whatever a domain controller answers: a value that can be told, or one of the directory's own faults. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AttributeValues } from '../../local/directory/codec.ts'
import { encodeEvent } from '../../shared/event.ts'
import { type FaultCode, isFault } from '../../shared/fault.ts'
import type { AgentOutcome } from '../../shared/outcome-code.ts'
import { encodeReply } from '../../shared/payload.ts'
import { Secret } from '../../shared/secret.ts'
import { anyBytes, bends, hostileText } from '../../test/hostile.ts'
import { events } from '../../test/vectors/messages.ts'
import { type BendingServer, startBending } from './bending.fixture.ts'
import { authority, fine, host, type Sample, startSample } from './directory.fixture.ts'
import type { Directory } from './directory.ts'
import type { Policy } from './policy.ts'

let sample: Sample
let controller: BendingServer
beforeAll(async () => {
  sample = await startSample()
  // So that it is searched for, and that its password may be too young.
  sample.server.control.setAttributes('alice.adams', { 'mS-DS-ConsistencyGuid': Buffer.alloc(16, 7).toString('base64') })
  sample.server.control.setPolicy({ minPwdAgeMs: 86_400_000 })
  const certificate = await authority.issue({ commonName: host, dnsNames: [host], ipAddresses: [] })
  controller = sample.own(await startBending(certificate, Number(new URL(sample.server.addresses.ldap ?? '').port)))
})
afterAll(() => sample.close())

const open = (ldapMs = 8_000) => sample.open({ addresses: { [host]: `127.0.0.1:${controller.port}` }, ldapMs })

const documented: readonly FaultCode[] = ['DIRECTORY_UNAVAILABLE', 'DIRECTORY_CONFIGURATION', 'DIRECTORY_REFUSED']
/** Undefined when it failed as it may. */
async function unlessFault<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    expect(isFault(error) && documented.includes(error.code), `${(error as Error)?.stack}`).toBe(true)
    return undefined
  }
}

const agentId = Buffer.alloc(16)
const tell = (outcome: AgentOutcome, policy?: Policy) => encodeReply({ outcome, agentId, spentMs: [0, 0, 0, 0], policy })

/** What a request asks of the directory up to the write, and whatever would be told of it. */
async function askEverything(directory: Directory): Promise<void> {
  const { immutableId } = sample.server.control.user('alice.adams')
  const located = await unlessFault(directory.locate(immutableId))
  if (located === undefined) return
  if (located.kind !== 'user') return void tell(located)
  const { user } = located
  const policy = await unlessFault(directory.policy(user))
  const eligible = await unlessFault(directory.eligibility(user))
  if (eligible) tell(eligible, policy)
  await unlessFault(directory.nearLockOut(user))
  await unlessFault(directory.passwordState(user))
  for (const ldapCode of [19, 53]) tell(await directory.diagnose(user, Secret.fromText(fine), { ldapCode, hex: '0000052D' }), policy)
}

/** Never throws, and what it says fits into a heartbeat. */
async function beat(directory: Directory): Promise<void> {
  const [, heartbeat] = events['first heartbeat'] ?? []
  if (heartbeat?.kind !== 'heartbeat') throw new Error('no such vector')
  encodeEvent({ ...heartbeat, domains: await directory.facts() })
}

const number = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  fc.constantFrom('', '-1', '0', '1', '255', '9'.repeat(20), `-${'9'.repeat(20)}`, '9'.repeat(21), '0x1f', '1e9', ' 1', '1\n', 'TRUE'),
)
const value = fc.oneof(
  number.map((text) => Buffer.from(text)),
  anyBytes(40),
  hostileText(300).map((text) => Buffer.from(text)),
  fc.constantFrom(0, 3, 15, 17, 28).map((length) => Buffer.alloc(length, 1)),
)
const values = fc.oneof({ weight: 4, arbitrary: value.map((one) => [one]) }, { weight: 1, arbitrary: fc.array(value, { maxLength: 3 }) })
type Turn = [share: number, how: 'values' | 'drop' | 'case' | 'magic', values: Buffer[]]
const turn: fc.Arbitrary<Turn> = fc.tuple(
  fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  fc.constantFrom('values', 'values', 'values', 'drop', 'case', 'magic'),
  values,
)

/** Names of hosts are looked up; a test stays on this machine. */
const isUsable = (values: readonly Buffer[]) => /^[a-z0-9._-]+$/i.test(String(values[0]))

const turned = (turns: readonly Turn[]) => (attributes: AttributeValues[]) => {
  const all = [...attributes]
  for (const [share, how, put] of turns) {
    const at = Math.floor(share * all.length)
    const old = all[at]
    if (old === undefined || (old.name.toLowerCase() === 'dnshostname' && isUsable(put))) continue
    if (how === 'drop') all.splice(at, 1)
    else if (how === 'magic') all.push({ name: put.length > 1 ? '__proto__' : 'constructor', values: put })
    else all[at] = how === 'case' ? { ...old, name: old.name.toUpperCase() } : { ...old, values: put }
  }
  return all
}

/** Changed in the entries that have an attribute of this name, and nowhere else. */
const about = (name: string, turns: readonly Turn[]) => (attributes: AttributeValues[]) =>
  attributes.some((each) => each.name.toLowerCase() === name.toLowerCase()) ? turned(turns)(attributes) : attributes

describe('attributes of any value', () => {
  const turns = (maxLength: number) => fc.array(turn, { minLength: 1, maxLength })

  test.each([
    ['of the account', 'tokenGroups'],
    ['of whatever has an objectGUID', 'objectGUID'],
    ['of the domain’s policy', 'minPwdLength'],
    ['of the controller', 'supportedControl'],
    ['of the domain’s roles', 'fSMORoleOwner'],
    ['of the server object', 'dNSHostName'],
  ])('%s', async (_, name) => {
    await fc.assert(
      fc.asyncProperty(turns(3), async (some) => {
        controller.bend({ entry: about(name, some) })
        const directory = open()
        await beat(directory)
        await askEverything(directory)
        directory.close()
      }),
      { numRuns: 30 },
    )
  })
})

describe('results of any code and text', () => {
  const code = fc.oneof(fc.constantFrom(0, 1, 3, 8, 10, 14, 19, 32, 49, 50, 51, 52, 53, 80, 248, 4_294_967, -1), fc.nat(130))
  const digits = fc.constantFrom(
    '',
    '0000052D: ',
    '00000056: ',
    '000004DC: ',
    'ffffffff ',
    '8009030C: LdapErr: DSID-0, data 52e, v',
    'data ',
  )
  const result = fc.tuple(code, digits, hostileText(2_000)).map(([code, head, text]) => ({ code, text: head + text }))

  test('to a search', async () => {
    controller.bend({})
    const directory = open()
    await beat(directory)
    await fc.assert(
      fc.asyncProperty(result, async (given) => {
        controller.bend({ result: () => given })
        await askEverything(directory)
      }),
      { numRuns: 60 },
    )
  })

  test('to a write: an answer that can be told, or in doubt', async () => {
    controller.bend({})
    const directory = open()
    const located = await directory.locate(sample.server.control.user('bob.brown').immutableId)
    if (located.kind !== 'user') throw new Error(located.kind)
    const { user } = located
    await fc.assert(
      fc.asyncProperty(result, async (given) => {
        controller.bend({ result: () => given })
        try {
          const written = await directory.finish(user, { unlock: true, mustChange: false })
          expect(written.kind).toBe(given.code === 0 ? 'done' : 'refused')
          if (written.kind === 'refused') tell(await directory.diagnose(user, Secret.fromText(fine), written))
        } catch (error) {
          // ldapts' own code for "no result came".
          expect([isFault(error, 'DIRECTORY_WRITE_IN_DOUBT'), given.code]).toEqual([true, 248])
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('octets of any kind', () => {
  test('in place of a reply', async () => {
    const other = Buffer.from('300c02010261070a010004000400', 'hex')
    await fc.assert(
      fc.asyncProperty(bends(other), fc.nat(9), async (change, nth) => {
        let count = 0
        controller.bend({ octets: (message) => (count++ === nth ? change(message) : message) })
        const directory = open(250)
        await beat(directory)
        await askEverything(directory)
        directory.close()
      }),
      { numRuns: 15 },
    )
  })

  test.each([
    ['that are no message', Buffer.alloc(65_536, 0xff)],
    ['of a message that never ends', Buffer.concat([Buffer.from('3084ffffffff', 'hex'), Buffer.alloc(65_536, 0x04)])],
  ])('without end, %s: the connection is given up before they fill the memory', async (_, octets) => {
    let sentBytes = 0
    controller.bend({})
    const directory = open()
    await beat(directory)
    const flood = controller.flood(() => {
      sentBytes += octets.length
      return octets
    })
    await flood
    expect(sentBytes).toBeLessThan(32 * 1024 * 1024)
    controller.bend({})
    expect((await directory.facts())[0]).toMatchObject({ reachable: true })
  })
})
