import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { messageIdOf } from '../shared/seal.ts'
import { type Entry, type Journal, openJournal } from './journal.ts'

let folder: string
let file: string
let opened: Journal[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'))
  file = join(folder, 'journal.sqlite')
  opened = []
})
afterEach(() => {
  for (const journal of opened) journal.close()
  rmSync(folder, { recursive: true })
})

/** Opened once more without closing the one before: what a killed agent leaves behind. */
const open = (at = file) => {
  const journal = openJournal(at, 0)
  opened.push(journal)
  return journal
}

function entry(over: Partial<Entry> = {}): Entry {
  const id = randomBytes(16)
  return {
    id,
    sequenceNumber: '1',
    messageId: messageIdOf(id),
    replyToSessionId: 'session',
    envelope: Buffer.from('sealed'),
    received: { wall: 1_800_000_000_000, monotonic: 0 },
    ageMs: 250,
    ...over,
  }
}

const failed = expect.objectContaining({ code: 'JOURNAL_FAILED', permanent: true })
const place = { domain: 'corp.example.test', guid: Buffer.alloc(16, 1) }
const fresh = { kind: 'entered', seenBefore: 0, begun: undefined, reply: undefined }

describe('a delivery', () => {
  test('is new, then known, and counted', () => {
    const journal = open()
    const one = entry()
    expect(journal.enter(one)).toEqual(fresh)
    expect(journal.enter(one)).toEqual({ ...fresh, seenBefore: 1 })
    expect(journal.enter({ ...one, received: { wall: 1, monotonic: 0 }, ageMs: 9_000 })).toEqual({ ...fresh, seenBefore: 2 })
    expect(journal.enter(entry())).toEqual(fresh)
  })

  test('under another sequence number is a replay, for good', () => {
    const one = entry({ sequenceNumber: '7' })
    open().enter(one)
    expect(open().enter({ ...one, sequenceNumber: '8' })).toEqual({ kind: 'replay' })
    expect(open().enter({ ...one, sequenceNumber: '' })).toEqual({ kind: 'replay' })
    expect(open().enter(one)).toMatchObject({ seenBefore: 1 })
  })

  test('sequence numbers beyond what a number holds are told apart', () => {
    const journal = open()
    const one = entry({ sequenceNumber: '72057594037927937' })
    journal.enter(one)
    expect(journal.enter({ ...one, sequenceNumber: '72057594037927936' })).toEqual({ kind: 'replay' })
  })

  test('keeps what was noted before its write, also for an agent that was killed', () => {
    const one = entry()
    const journal = open()
    journal.enter(one)
    const pwdLastSet = 2n ** 62n + 1n
    journal.begin(one, { ...place, pwdLastSet })
    expect(open().enter(one)).toEqual({ ...fresh, seenBefore: 1, begun: { ...place, pwdLastSet } })
  })

  test('"must change" before the write is a note too', () => {
    const one = entry()
    const journal = open()
    journal.enter(one)
    journal.begin(one, { ...place, pwdLastSet: 0n })
    expect(journal.enter(one)).toMatchObject({ begun: { ...place, pwdLastSet: 0n } })
  })

  test('gives its recorded reply again, byte for byte, also after it was told', () => {
    const one = entry()
    const journal = open()
    journal.enter(one)
    const reply = randomBytes(200)
    journal.finish(one, reply)
    expect(open().enter(one)).toMatchObject({ seenBefore: 1, reply })
    journal.told(one)
    expect(open().enter(one)).toMatchObject({ seenBefore: 2, reply })
  })

  test('another sequence number changes nothing in the row', () => {
    const one = entry({ sequenceNumber: '7' })
    const journal = open()
    journal.enter(one)
    const foreign = { ...one, sequenceNumber: '8' }
    journal.begin(foreign, { ...place, pwdLastSet: 1n })
    journal.finish(foreign, Buffer.from('reply'))
    journal.told(foreign)
    expect(journal.enter(one)).toEqual({ ...fresh, seenBefore: 1 })
    expect(journal.unfinished()).toHaveLength(1)
  })
})

describe('unfinished', () => {
  test('is found without reading a week of what is finished: it is asked for every five seconds', () => {
    open()
    const db = new DatabaseSync(file)
    const plan = db.prepare('EXPLAIN QUERY PLAN SELECT * FROM requests WHERE finished < 2').all()
    db.close()
    expect(plan.map(({ detail }) => detail)).toEqual([expect.stringContaining('USING INDEX requests_open')])
  })

  test('is what was entered and has no answer, with all that is needed to find it out', () => {
    const [entered, begun, answered, told, settled] = [
      entry(),
      entry({ ageMs: 1.6, received: { wall: 5.4, monotonic: 0 } }),
      entry(),
      entry(),
      entry(),
    ]
    const journal = open()
    for (const each of [entered, begun, answered, told, settled]) journal.enter(each)
    journal.begin(begun, { ...place, pwdLastSet: 5n })
    const reply = Buffer.from('sealed reply')
    for (const each of [answered, told]) journal.finish(each, reply)
    for (const each of [told, settled]) journal.told(each)
    const left = new Map(
      open()
        .unfinished()
        .map((each) => [each.messageId, each]),
    )
    expect(left.size).toBe(3)
    expect(left.get(entered.messageId)).toEqual({ ...entered, begun: undefined, reply: undefined })
    expect(left.get(begun.messageId)).toEqual({
      ...begun,
      ageMs: 2,
      received: { wall: 5, monotonic: 0 },
      begun: { ...place, pwdLastSet: 5n },
      reply: undefined,
    })
    expect(left.get(answered.messageId)).toMatchObject({ id: answered.id, reply })
  })

  test('nothing, in a new journal', () => {
    expect(open().unfinished()).toEqual([])
  })
})

test('once the outcome is known the envelope, and with it the sealed password, is gone from the row', () => {
  const one = entry({ envelope: Buffer.from('the sealed password') })
  const journal = open()
  journal.enter(one)
  journal.finish(one, Buffer.from('reply'))
  const row = new DatabaseSync(file).prepare('SELECT envelope FROM requests').get()
  expect(row).toEqual({ envelope: null })
})

test('what was told, and nothing else, leaves nothing behind in memory', () => {
  const moments = new Map<string, number>()
  const journal = openJournal(file, 0, moments)
  opened.push(journal)
  const [one, two] = [entry({ sequenceNumber: '7' }), entry()]
  for (const each of [one, two, one]) journal.enter(each)
  journal.finish(one, Buffer.from('reply'))
  journal.told({ ...one, sequenceNumber: '8' })
  expect([...moments.keys()]).toEqual([one.messageId, two.messageId])
  journal.told(one)
  expect([...moments.keys()]).toEqual([two.messageId])
})

test('prune forgets what is older, finished or not, and nothing else', () => {
  const journal = open()
  const [old, young] = [entry({ received: { wall: 999, monotonic: 0 } }), entry({ received: { wall: 1_000, monotonic: 0 } })]
  journal.enter(old)
  journal.enter(young)
  journal.prune(1_000)
  expect(journal.enter(old)).toMatchObject({ seenBefore: 0 })
  expect(journal.enter(young)).toMatchObject({ seenBefore: 1 })
})

describe('the file', () => {
  test('is the account’s alone, with everything sqlite puts beside it, also if it was not before', () => {
    writeFileSync(file, '')
    chmodSync(file, 0o666)
    open().enter(entry())
    const files = readdirSync(folder)
    expect(files).toContain('journal.sqlite-wal')
    for (const name of files) expect((statSync(join(folder, name)).mode & 0o777).toString(8), name).toBe('600')
  })

  test.each<[string, () => string]>([
    ['in a folder that is not there', () => join(folder, 'missing', 'journal.sqlite')],
    ['where a folder is', () => folder],
    [
      'that is something else',
      () => {
        writeFileSync(file, 'this is no database, and long enough to be looked at. '.repeat(100))
        return file
      },
    ],
  ])('%s: the agent cannot start', (_, at) => {
    expect(() => openJournal(at(), 0)).toThrow(failed)
  })

  test('that can be written no more stops the agent at the next step', () => {
    const journal = open()
    const one = entry()
    journal.enter(one)
    const destroyer = new DatabaseSync(file)
    destroyer.exec('DROP TABLE requests')
    destroyer.close()
    expect(() => journal.enter(entry())).toThrow(failed)
    expect(() => journal.begin(one, { ...place, pwdLastSet: 1n })).toThrow(failed)
    expect(() => journal.finish(one, Buffer.of(1))).toThrow(failed)
    expect(() => journal.told(one)).toThrow(failed)
    expect(() => journal.unfinished()).toThrow(failed)
    expect(() => journal.prune(1)).toThrow(failed)
  })

  test('a message about it names no file and no value', () => {
    mkdirSync(join(folder, 'hunter2'))
    expect(() => openJournal(join(folder, 'hunter2'), 0)).toThrow(/^JOURNAL_FAILED: the journal could not be read or written$/)
  })
})
