/**
 * What this agent has begun and finished, kept across a crash (`node:sqlite`, owner-only file).
 *
 * One row per delivery of a request: id and the broker's sequence number. The same pair again is a redelivery; the same
 * id under another number is a replay. A row is written before the directory is touched and again with the sealed reply,
 * each on disk before the next step. While a row is unfinished it keeps the envelope as it was received, so that after a
 * restart the outcome can be found out; until its reply was sent it is not done with. A password in clear never comes here.
 * An agent that cannot write this stops.
 */
import { DatabaseSync } from 'node:sqlite'
import { Fault } from '../shared/fault.ts'
import type { Moment } from '../shared/relay/client.ts'
import { messageIdOf } from '../shared/seal.ts'
import { makePrivate } from './private-file.ts'

export interface Entry {
  id: Buffer
  sequenceNumber: string
  messageId: string
  replyToSessionId: string
  envelope: Buffer
  /** When the message had already been `ageMs` old, by both of this machine's clocks. */
  received: Moment
  ageMs: number
}

/** Noted just before the write: what was there, and where, so that it is found even if nobody is linked to it any more. */
export interface Begun {
  pwdLastSet: bigint
  /** DNS name. */
  domain: string
  /** objectGUID, 16 bytes. */
  guid: Buffer
}

/** With a reply: the outcome is known, but nobody is known to have been told. */
export type Unfinished = Entry & { begun: Begun | undefined; reply: Buffer | undefined }

export type Entered =
  | { kind: 'replay' }
  /** `seenBefore`: how often this journal has entered the same delivery; 0 = new. */
  | { kind: 'entered'; seenBefore: number; begun: Begun | undefined; reply: Buffer | undefined }

export interface Journal {
  enter(entry: Entry): Entered
  begin(entry: Pick<Entry, 'id' | 'sequenceNumber'>, begun: Begun): void
  /** With the sealed reply, to be sent again on a redelivery. */
  finish(entry: Pick<Entry, 'id' | 'sequenceNumber'>, reply: Buffer): void
  /** The reply was sent, or an event instead of it, or nobody waits any more. */
  told(entry: Pick<Entry, 'id' | 'sequenceNumber'>): void
  /** Entered by this or a former run of the agent, and no final answer known to have been sent. */
  unfinished(): Unfinished[]
  /** Forgets what is older: no replay of it could pass the age checks any more. */
  prune(olderThanMs: number): void
  close(): void
}

/** `finished`: 0 open, 1 answered, 2 told. */
const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS requests (
    id BLOB NOT NULL, sequence_number TEXT NOT NULL, message_id TEXT NOT NULL, reply_session TEXT NOT NULL,
    envelope BLOB, received_at INTEGER NOT NULL, age_ms INTEGER NOT NULL, seen INTEGER NOT NULL,
    begun_pwd_last_set TEXT, begun_domain TEXT, begun_guid BLOB, reply BLOB, finished INTEGER NOT NULL,
    PRIMARY KEY (id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS requests_by_age ON requests (received_at);
  CREATE INDEX IF NOT EXISTS requests_open ON requests (finished) WHERE finished < 2;`

/**
 * `openedAt`: monotonic ms. No monotonic clock outlasts its process: of a row of a former run is only known that it is no younger
 * than this journal. `moments`: when the open rows of this run were received, by message id.
 */
export function openJournal(file: string, openedAt: number, moments: Map<string, number> = new Map()): Journal {
  return guarded(() => {
    makePrivate(file)
    const db = new DatabaseSync(file)
    db.exec(schema)
    return journalOn(db, openedAt, moments)
  })
}

function journalOn(db: DatabaseSync, openedAt: number, moments: Map<string, number>): Journal {
  const find = db.prepare('SELECT * FROM requests WHERE id = ?')
  const insert = db.prepare('INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, 1, NULL, NULL, NULL, NULL, 0)')
  const seen = db.prepare('UPDATE requests SET seen = seen + 1 WHERE id = ?')
  const begin = db.prepare(
    'UPDATE requests SET begun_pwd_last_set = ?, begun_domain = ?, begun_guid = ? WHERE id = ? AND sequence_number = ?',
  )
  const finish = db.prepare('UPDATE requests SET reply = ?, finished = 1, envelope = NULL WHERE id = ? AND sequence_number = ?')
  const told = db.prepare('UPDATE requests SET finished = 2, envelope = NULL WHERE id = ? AND sequence_number = ?')
  const unfinished = db.prepare('SELECT * FROM requests WHERE finished < 2')
  const prune = db.prepare('DELETE FROM requests WHERE received_at < ?')
  return {
    enter: (entry) =>
      guarded(() => {
        const row = find.get(entry.id)
        if (row !== undefined && row['sequence_number'] !== entry.sequenceNumber) return { kind: 'replay' }
        if (row !== undefined) seen.run(entry.id)
        else {
          moments.set(entry.messageId, entry.received.monotonic)
          insert.run(
            entry.id,
            entry.sequenceNumber,
            entry.messageId,
            entry.replyToSessionId,
            entry.envelope,
            Math.round(entry.received.wall),
            Math.round(entry.ageMs),
          )
        }
        return { kind: 'entered', seenBefore: Number(row?.['seen'] ?? 0), begun: begunIn(row), reply: bytesIn(row?.['reply']) }
      }),
    begin: ({ id, sequenceNumber }, { pwdLastSet, domain, guid }) =>
      guarded(() => {
        // The one commit that waits for the disk: that a write began must outlast a power failure.
        db.exec('PRAGMA synchronous = FULL')
        begin.run(pwdLastSet.toString(), domain, guid, id, sequenceNumber)
        db.exec('PRAGMA synchronous = NORMAL')
      }),
    finish: ({ id, sequenceNumber }, reply) => guarded(() => void finish.run(reply, id, sequenceNumber)),
    told: ({ id, sequenceNumber }) =>
      guarded(() => {
        if (told.run(id, sequenceNumber).changes) moments.delete(messageIdOf(id))
      }),
    unfinished: () => guarded(() => unfinished.all().map((row) => toUnfinished(row, moments.get(String(row['message_id'])) ?? openedAt))),
    prune(olderThanMs) {
      guarded(() => void prune.run(Math.round(olderThanMs)))
      const kept = new Set(this.unfinished().map(({ messageId }) => messageId))
      for (const messageId of moments.keys()) if (!kept.has(messageId)) moments.delete(messageId)
    },
    close: () => db.close(),
  }
}

type Row = Record<string, unknown>

const bytesIn = (value: unknown) => (value instanceof Uint8Array ? Buffer.from(value) : undefined)

function begunIn(row: Row | undefined): Begun | undefined {
  const pwdLastSet = row?.['begun_pwd_last_set']
  const guid = bytesIn(row?.['begun_guid'])
  return typeof pwdLastSet === 'string' && guid
    ? { pwdLastSet: BigInt(pwdLastSet), domain: String(row?.['begun_domain']), guid }
    : undefined
}

const toUnfinished = (row: Row, monotonic: number): Unfinished => ({
  id: bytesIn(row['id']) ?? Buffer.alloc(0),
  sequenceNumber: String(row['sequence_number']),
  messageId: String(row['message_id']),
  replyToSessionId: String(row['reply_session']),
  envelope: bytesIn(row['envelope']) ?? Buffer.alloc(0),
  received: { wall: Number(row['received_at']), monotonic },
  ageMs: Number(row['age_ms']),
  begun: begunIn(row),
  reply: bytesIn(row['reply']),
})

function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw new Fault('JOURNAL_FAILED', 'the journal could not be read or written', { permanent: true, cause })
  }
}
