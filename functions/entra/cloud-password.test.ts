/** The real client against a Graph that grants the optional permission; and every password there can be, as JSON. */
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { optionalGraph } from '../../infra/topology.ts'
import { startTestTenant, type TestTenant } from '../../local/entra/test-tenant.ts'
import { type GraphAddresses, type GraphControl, startGraph } from '../../local/graph/graph.ts'
import type { StandIn } from '../../local/stand-in.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import { parsePassword } from '../../shared/password.ts'
import { Secret } from '../../shared/secret.ts'
import { openCloudPasswords } from './cloud-password.ts'
import { openGraph } from './graph.ts'

let tenant: TestTenant
let without: TestTenant
let graph: StandIn<GraphAddresses, GraphControl>
const logged: { event: EventName; fields: Fields }[] = []
const log = (event: EventName, fields: Fields = {}) => void logged.push({ event, fields })
const opened = (timeoutMs = 8_000) =>
  openCloudPasswords(
    openGraph({ graphUrl: graph.addresses.url, credential: tenant.managedIdentity(), timeoutMs, local: { ca: tenant.tls.ca } }),
    log,
  )

beforeAll(async () => {
  tenant = await startTestTenant({ granted: optionalGraph })
  without = await startTestTenant()
  graph = await startGraph({ tls: tenant.tls, entra: tenant.trust })
})
afterAll(async () => {
  await graph.close()
  await Promise.all([tenant, without].map(({ entra }) => entra.close()))
})
beforeEach(() => {
  logged.splice(0)
  graph.control.clearRequests()
})
afterEach(() => {
  graph.control.faults([])
  graph.control.setTenant({ takesSynchronizedPasswords: false })
})

let count = 0
const somebody = (over: object = {}) => graph.control.addUser({ userPrincipalName: `p${++count}@contoso.com`, ...over }).id
const never = new AbortController().signal
const good = 'Wbx-7201-"qu\\artz"'
const wanted = (personId: string, password = good, mustChange = false) => ({ personId, password: Secret.fromText(password), mustChange })
const patches = () => graph.control.requests().filter((each) => each.startsWith('PATCH'))

describe('in the cloud alone', () => {
  it('a password is set, exactly as typed', async () => {
    for (const password of [good, 'Tab\t-Ünïcode-李-\u{1f511}-1']) {
      const id = somebody()
      expect(await opened().alone(wanted(id, password), never)).toEqual({ kind: 'done' })
      expect(graph.control.verifyPassword(id, password)).toBe(true)
    }
  })

  it('one that is too weak is refused, a person who is gone is not found, and an administrator is not reset', async () => {
    const admin = somebody()
    graph.control.assignRole(admin, { eligible: false })
    expect(await opened().alone(wanted(somebody(), 'weak'), never)).toEqual({ kind: 'policy.filter' })
    expect(await opened().alone(wanted('0a0a0a0a-0000-4000-8000-0000000000ff'), never)).toEqual({ kind: 'userNotFound' })
    expect(await opened().alone(wanted(admin), never)).toEqual({ kind: 'cloudOnly' })
  })

  it('without the permission the password is the cloud’s own affair, and nothing is changed', async () => {
    const other = await startGraph({ tls: without.tls, entra: without.trust })
    const { id } = other.control.addUser({ userPrincipalName: 'b@contoso.com' })
    const client = openGraph({ graphUrl: other.addresses.url, credential: without.managedIdentity(), local: { ca: without.tls.ca } })
    expect(await openCloudPasswords(client, log).alone(wanted(id), never)).toEqual({ kind: 'cloudOnly' })
    expect(other.control.verifyPassword(id, good)).toBe(false)
    await other.close()
  })

  it('an answer that was lost is unknown, and nothing is sent again', async () => {
    const id = somebody()
    graph.control.faults([{ kind: 'lost', count: 1 }])
    expect(await opened(300).alone(wanted(id), never)).toEqual({ kind: 'unknown' })
    expect(graph.control.verifyPassword(id, good)).toBe(true)
    expect(patches()).toHaveLength(1)
    expect(logged).toMatchObject([{ event: 'cloudPasswordFailed', fields: { person: id } }])
  })

  it('a service that says 503 has not said no', async () => {
    graph.control.faults([{ kind: 'unavailable', count: 9 }])
    expect(await opened().alone(wanted(somebody()), never)).toEqual({ kind: 'unknown' })
  })

  it('throttled, it is sent again after the time that Graph names', async () => {
    const id = somebody()
    graph.control.faults([{ kind: 'throttle', count: 1 }])
    expect(await opened().alone(wanted(id), never)).toEqual({ kind: 'done' })
    expect(patches()).toHaveLength(2)
  })

  it('the answer that is due ends the wait', async () => {
    graph.control.faults([{ kind: 'hang', count: 1 }])
    const due = new AbortController()
    const outcome = opened(60_000).alone(wanted(somebody()), due.signal)
    due.abort(new Error('due'))
    expect(await outcome).toEqual({ kind: 'unknown' })
  })
})

describe('behind on-premises', () => {
  it('the cloud usually refuses, and follows by itself', async () => {
    const id = somebody({ onPremisesSyncEnabled: true })
    expect(await opened().behind(wanted(id), never)).toEqual({ kind: 'doneCloudPending' })
    expect(logged).toEqual([{ event: 'cloudPasswordPending', fields: { person: id, status: 400 } }])
  })

  it('where it takes the password, both have it', async () => {
    graph.control.setTenant({ takesSynchronizedPasswords: true })
    const id = somebody({ onPremisesSyncEnabled: true })
    expect(await opened().behind(wanted(id), never)).toEqual({ kind: 'done' })
    expect(graph.control.verifyPassword(id, good)).toBe(true)
  })

  it.each(['lost', 'hang', 'unavailable'] as const)('whatever happens (%s), it stays a change', async (kind) => {
    graph.control.setTenant({ takesSynchronizedPasswords: true })
    graph.control.faults([{ kind, count: 9 }])
    const id = somebody({ onPremisesSyncEnabled: true })
    expect(await opened(300).behind(wanted(id), never)).toEqual({ kind: 'doneCloudPending' })
  })
})

it('is written as JSON that says what was typed, and is zeroed afterwards', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), fc.boolean(), async (text, mustChange) => {
      const parsed = parsePassword(text)
      if (parsed.kind === 'problem') return
      const seen: { body: unknown; bytes: Buffer }[] = []
      const change = async (_path: string, bytes: Buffer) => {
        seen.push({ body: JSON.parse(bytes.toString('utf8')), bytes })
        return { status: 204, code: undefined, body: undefined }
      }
      await openCloudPasswords({ change }, log).alone({ personId: 'p', password: parsed.password, mustChange }, never)
      expect(seen[0]?.body).toEqual({ passwordProfile: { password: text, forceChangePasswordNextSignIn: mustChange } })
      expect(seen[0]?.bytes.every((byte) => byte === 0)).toBe(true)
    }),
  )
})
