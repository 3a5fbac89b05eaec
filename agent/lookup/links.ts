/**
 * The links that were found, kept (`node:sqlite`, owner-only file): source anchor -> account, by which rule, for which cloud object.
 *
 * A cache and nothing more: every use reads the account once and holds it against the rule again, so losing the file, or
 * an edit to it, costs a search and decides nothing. A link is found anew after a day (an account that a better rule holds
 * may have come), and when any rule changes.
 */
import { rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { makePrivate } from '../private-file.ts'

export interface Link {
  sourceAnchor: string
  /** 16 bytes; undefined where the request named none. */
  cloudAnchor: Buffer | undefined
  /** Name of the rule on the link. */
  rule: string
  /** objectGUID, 16 bytes. */
  guid: Buffer
}

export interface Links {
  find(sourceAnchor: string): Link | undefined
  keep(link: Link): void
  forget(sourceAnchor: string): void
  close(): void
}

export interface LinksOptions {
  file: string
  /** Of the rules: rules.ts. */
  fingerprint: string
  /** ms since the epoch. */
  now(): number
}

const keptMs = 24 * 3_600_000

/** What another version or another set of rules has left is dropped. */
const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = OFF;
  CREATE TABLE IF NOT EXISTS links (
    source_anchor TEXT PRIMARY KEY, cloud_anchor BLOB, rule TEXT NOT NULL, guid BLOB NOT NULL,
    fingerprint TEXT NOT NULL, found_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;`

export function openLinks(options: LinksOptions): Links {
  try {
    return forgiving(linksIn(options))
  } catch {
    // Damaged, or left by another version: it is a cache.
    for (const end of ['', '-wal', '-shm']) rmSync(`${options.file}${end}`, { force: true })
    return forgiving(linksIn(options))
  }
}

/** What cannot be read is not known, and what cannot be written is found again. */
function forgiving(links: Links): Links {
  const unless = <T>(work: () => T): T | undefined => {
    try {
      return work()
    } catch {
      return undefined
    }
  }
  return {
    find: (sourceAnchor) => unless(() => links.find(sourceAnchor)),
    keep: (link) => unless(() => links.keep(link)),
    forget: (sourceAnchor) => unless(() => links.forget(sourceAnchor)),
    close: () => unless(() => links.close()),
  }
}

function linksIn({ file, fingerprint, now }: LinksOptions): Links {
  makePrivate(file)
  const db = new DatabaseSync(file)
  db.exec(schema)
  db.prepare('DELETE FROM links WHERE fingerprint <> ? OR found_at < ?').run(fingerprint, now() - keptMs)
  const find = db.prepare('SELECT cloud_anchor, rule, guid FROM links WHERE source_anchor = ? AND found_at BETWEEN ? AND ?')
  const keep = db.prepare('INSERT OR REPLACE INTO links VALUES (?, ?, ?, ?, ?, ?)')
  const forget = db.prepare('DELETE FROM links WHERE source_anchor = ?')
  return {
    find(sourceAnchor) {
      const row = find.get(sourceAnchor, now() - keptMs, now())
      const guid = row?.['guid']
      if (row === undefined || !(guid instanceof Uint8Array)) return undefined
      const cloud = row['cloud_anchor']
      const cloudAnchor = cloud instanceof Uint8Array ? Buffer.from(cloud) : undefined
      return { sourceAnchor, cloudAnchor, rule: String(row['rule']), guid: Buffer.from(guid) }
    },
    keep: ({ sourceAnchor, cloudAnchor, rule, guid }) =>
      void keep.run(sourceAnchor, cloudAnchor ?? null, rule, guid, fingerprint, Math.round(now())),
    forget: (sourceAnchor) => void forget.run(sourceAnchor),
    close: () => db.close(),
  }
}
