import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Azurite, connectionString, startAzurite } from '../../local/azurite.ts'
import { Fault, isFault } from '../../shared/fault.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import type { AdministratorCall } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import { openRows, type Rows } from '../store/rows.ts'
import { openTables, type TableAccess } from '../store/tables.ts'
import { type Audit, openAudit } from './audit.ts'
import { audited } from './audited.ts'
import { type Listing, openListing } from './listing.ts'
import { pageSize, readAudit } from './read.ts'

const clock = virtualClock()
const key = { version: '0'.repeat(32), key: Buffer.alloc(32, 1) }
let azurite: Azurite
let tables: TableAccess
let rows: Rows
let audit: Audit
let listing: Listing
let logged: [EventName, Fields | undefined][]
const log = (event: EventName, fields?: Fields) => void logged.push([event, fields])

beforeAll(async () => {
  azurite = await startAzurite()
  const connection = { kind: 'connectionString', connectionString: connectionString(azurite.addresses) } as const
  tables = openTables({ connection })
  rows = openRows({ tables, keys: { subkey: async () => key }, log })
  audit = openAudit({ rows, clock })
  listing = openListing({ rows, clock, retentionDays: async () => 2 })
})
afterAll(() => azurite.close())
beforeEach(async () => {
  logged = []
  for (const row of await tables.list('audit', 'administrators')) await tables.remove('audit', 'administrators', row.rowKey)
})

const ada = { id: 'c1b2c3d4-0000-4000-8000-0000000000ff', role: 'Writeback.Admin' } as const
const callOf = (over: object = {}): AdministratorCall<{ reason: string }> => ({
  body: { reason: 'moved to another forest' },
  params: { id: 'subject-1' },
  query: new URLSearchParams(),
  deadline: new AbortController().signal,
  flowSecret: () => undefined,
  traceparent: undefined,
  administrator: ada,
  ...over,
})
const said = {
  event: 'administratorActed',
  id: 34031,
  who: ada.id,
  role: ada.role,
  action: 'relink',
  subject: 'subject-1',
  reason: 'moved to another forest',
}
const outcomes = async () => (await listing.page({}, pageSize)).entries.map(({ outcome }) => outcome)

describe('a call that changes something', () => {
  it('leaves who, what, whom, why and when before it does anything, and how it ended', async () => {
    const seen: unknown[] = []
    const handler = audited(
      'relink',
      async () => {
        seen.push(...(await listing.page({}, pageSize)).entries)
        return { status: 200, body: {} }
      },
      { audit, log },
    )
    await handler(callOf())
    expect(seen).toEqual([{ ...said, at: clock.now(), outcome: 'begun' }])
    expect(await listing.page({}, pageSize)).toEqual({ entries: [{ ...said, at: clock.now(), outcome: 'done' }], rejected: 0 })
    expect(logged).toEqual([['administratorActed', { route: 'relink', administrator: ada.id, outcome: 'done' }]])
  })

  it.each<[string, Answer | Error]>([
    ['accepted', { status: 202, body: { run: {} } }],
    ['unknownUser', problem('unknownUser')],
    ['status.418', { status: 418, body: {} }],
    ['ROW_REJECTED', new Fault('ROW_REJECTED', 'edited', { permanent: true })],
    ['STORE_CONFLICT', new Fault('STORE_CONFLICT', 'somebody else')],
    ['TypeError', new TypeError('a bug')],
  ])('ends as %s', async (outcome, end) => {
    const handler = async () => {
      if (end instanceof Error) throw end
      return end
    }
    const answered = await audited('relink', handler, { audit, log })(callOf()).catch((error: unknown) => error)
    expect(answered).toBe(end)
    expect(await outcomes()).toEqual([outcome])
  })

  it('that meets a passing fault on its way is not answered as if it had changed nothing', async () => {
    const handler = audited('incident', () => Promise.reject(new Fault('KEY_UNAVAILABLE', 'vault away')), { audit, log })
    expect(await handler(callOf())).toEqual(problem('inDoubt'))
    expect(await outcomes()).toEqual(['KEY_UNAVAILABLE'])
    expect(logged).toContainEqual(['handlerFailed', { route: 'incident', fault: 'KEY_UNAVAILABLE' }])
    expect(problem('inDoubt').body['title']).not.toMatch(/nothing/)
  })

  it('does nothing when it cannot be written down', async () => {
    let done = false
    const handler = async () => {
      done = true
      return { status: 200, body: {} }
    }
    const away = { begin: () => Promise.reject(new Fault('STORE_UNAVAILABLE', 'away')) }
    const answered = await audited('relink', handler, { audit: away, log })(callOf()).catch((error: unknown) =>
      isFault(error, 'STORE_UNAVAILABLE'),
    )
    expect([answered, done]).toEqual([true, false])
  })

  it('is answered as it ended when only the end cannot be written: the entry stays begun, and the log tells', async () => {
    const half: Pick<Audit, 'begin'> = {
      async begin(entry) {
        await audit.begin(entry)
        return () => Promise.reject(new Fault('STORE_UNAVAILABLE', 'away'))
      },
    }
    const handler = audited('relink', async () => ({ status: 200, body: { changed: true } }), { audit: half, log })
    expect(await handler(callOf())).toEqual({ status: 200, body: { changed: true } })
    expect(await outcomes()).toEqual(['begun'])
    expect(logged.at(-1)?.[1]).toMatchObject({ outcome: 'done', fault: 'STORE_UNAVAILABLE' })
  })

  it('about a person is found however their id is written, in the address or in the question', async () => {
    const id = 'Aaaaaaaa-0000-4000-8000-0000000000AA'
    await audited('unlockUser', async () => ({ status: 200, body: {} }), { audit, log })(callOf({ params: { id } }))
    for (const subject of [id, id.toLowerCase()]) {
      const { body } = await readAudit({ listing, steps: { flush: async () => {} } })(
        callOf({ query: new URLSearchParams({ subject }) }) as never,
      )
      expect(body['entries']).toMatchObject([{ subject: id.toLowerCase() }])
    }
  })

  it('about somebody with an endless name takes no more room than another', async () => {
    await audited('relink', async () => problem('unknownUser'), { audit, log })(callOf({ params: { id: 'x'.repeat(10_000) } }))
    expect((await listing.page({}, pageSize)).entries[0]?.subject).toHaveLength(64)
  })

  it('has its end even though the state key changed meanwhile and the row was written anew', async () => {
    const end = await audit.begin({ who: ada.id, role: ada.role, action: 'rollKeys' })
    const [row] = await tables.list('audit', 'administrators')
    if (row) await tables.replace('audit', row, row.etag)
    await end('accepted')
    expect(await outcomes()).toEqual(['accepted'])
  })
})

describe('GET manage/audit', () => {
  const read = (query: string) =>
    readAudit({ listing, steps: { flush: async () => {} } })({ ...callOf(), body: undefined, query: new URLSearchParams(query) })

  it('shows the newest first, and goes on from where a page ended until nothing is left', async () => {
    const actions = Array.from({ length: pageSize + 7 }, (_, n) => `action-${n}`)
    for (const action of actions) {
      await audit.begin({ who: ada.id, role: ada.role, action })
      await clock.advance(1)
    }
    const first = await read('')
    const entries = first.body['entries'] as { action: string }[]
    expect(entries.map(({ action }) => action)).toEqual(actions.toReversed().slice(0, pageSize))
    const second = await read(`before=${first.body['next']}`)
    expect((second.body['entries'] as { action: string }[]).map(({ action }) => action)).toEqual(actions.toReversed().slice(pageSize))
    expect(second.body['next']).toBeUndefined()
  })

  it('counts entries that somebody else made, edited or moved, and shows none of them', async () => {
    await audit.begin({ who: ada.id, role: ada.role, action: 'genuine' })
    const [row] = await tables.list('audit', 'administrators')
    if (!row) throw new Error('no entry was written')
    const { etag: _, ...genuine } = row
    await tables.insert('audit', { ...genuine, rowKey: genuine.rowKey.replace(/.{11}$/, 'moved-moved') })
    await tables.insert('audit', {
      ...genuine,
      rowKey: genuine.rowKey.replace(/.{11}$/, 'edited-edit'),
      d: genuine.d.replace('genuine', 'harmless'),
    })
    expect(await read('')).toMatchObject({ status: 200, body: { entries: [{ action: 'genuine' }], rejected: 2 } })
  })

  it.each(['before=', 'before=x', "before=0' or '1' eq '1", 'before=1234567890123456-abc'])('refuses %s', async (query) => {
    expect(await read(query)).toEqual(problem('invalidQuery', { fields: ['before'] }))
  })
})
