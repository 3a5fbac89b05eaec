/**
 * The chain of evidence, as anybody can check it who has the records: the function app, and an administrator's machine.
 *
 * Records are numbered from 1, and each holds the SHA-256 over the canonical bytes of the one before it (RFC 8785, JSON
 * Canonicalization Scheme: members sorted, no white space). A head is `sequence.hash` of a record. It stands outside the
 * chain (a tag in the vault, a line of the log, a note on paper), and whoever holds one knows all records up to it: one that
 * was changed, removed, moved or cut off does not fit any more.
 */
import { createHash } from 'node:crypto'

export type EvidenceFacts = {
  kind: 'begun' | 'adopted' | 'abandoned' | 'disabled'
  rolloverId: string
  why: 'first' | 'schedule' | 'byHand' | 'enable' | 'incident' | 'revoke'
  reason: string
  /** Who: an administrator's object id, or the timer. */
  by: string
  /** ms since the epoch. */
  at: number
  versions?: { packageKey?: string; passwordKey?: string; stateKey?: string }
  /** Which agent showed that it can use the new versions, when and how. */
  proofs?: { agent: string; at: number; by: 'onboard' | 'heartbeat' }[]
  /** Why an administrator went on without proof of all agents. */
  overridden?: string
}

export type Link = {
  sequence: number
  /** SHA-256 of the record before, in hex; zeros in the first. */
  previous: string
}

export type EvidenceRecord = Link & EvidenceFacts

/** What came from somewhere else, and can be looked at as part of a chain. */
export const isLink = (value: unknown): value is Link => {
  const { sequence, previous } = (value ?? {}) as Partial<Link>
  return Number.isSafeInteger(sequence) && typeof previous === 'string'
}

export interface Head {
  sequence: number
  hash: string
}

/** A head and where it was found, in words: `the tag on version …`. */
export interface Anchor {
  head: string
  where: string
}

export const beginning: Head = { sequence: 0, hash: '0'.repeat(64) }

export const headOf = (record: Link): Head => ({
  sequence: record.sequence,
  hash: createHash('sha256').update(canonical(record), 'utf8').digest('hex'),
})

export const headText = ({ sequence, hash }: Head): string => `${sequence}.${hash}`

/** `undefined` for what is no head. */
export function parseHead(text: string): Head | undefined {
  const [, sequence, hash = ''] = /^([1-9]\d{0,8})\.([0-9a-f]{64})$/.exec(text) ?? []
  return sequence === undefined ? undefined : { sequence: Number(sequence), hash }
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  const sorted = members.toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}

/**
 * What is wrong with the records, in the order of their places; nothing when the chain is intact. `rejected`: numbers in
 * whose places stands something that is no record, which was told already.
 */
export function problemsOf(records: readonly Link[], anchors: readonly Anchor[], rejected: readonly number[] = []): string[] {
  const known = anchors.map(({ head, where }) => ({ where, head: parseHead(head) }))
  return [
    ...brokenLinks(records),
    ...missing(
      records,
      rejected,
      known.flatMap(({ head, where }) => (head ? { ...head, where } : [])),
    ),
    ...known.flatMap(({ head, where }) => contradiction(records, head, where)),
  ]
}

function brokenLinks(records: readonly Link[]): string[] {
  const problems: string[] = []
  let last = beginning
  for (const record of records) {
    const { sequence, previous } = record
    if (sequence <= last.sequence) {
      problems.push(`record ${sequence} stands after record ${last.sequence}: the order was changed`)
      continue
    }
    if (sequence === last.sequence + 1 && previous !== last.hash)
      problems.push(
        sequence === 1
          ? 'record 1 says that there was one before it: it was rewritten'
          : `record ${sequence} does not continue record ${last.sequence}: one of them was rewritten`,
      )
    last = headOf(record)
  }
  return problems
}

function missing(records: readonly Link[], rejected: readonly number[], anchors: readonly (Head & { where: string })[]): string[] {
  const furthest = anchors.toSorted((a, b) => b.sequence - a.sequence)[0]
  const lastRecord = Math.max(0, ...records.map(({ sequence }) => sequence))
  const end = Math.max(lastRecord, furthest?.sequence ?? 0)
  const there = new Set([...records.map(({ sequence }) => sequence), ...rejected].filter((sequence) => sequence <= end))
  if (there.size === 0 && furthest) return [`there is no record at all, but ${furthest.where} names record ${end}: everything was removed`]
  const problems: string[] = []
  let last = 0
  for (const sequence of [...[...there].toSorted((a, b) => a - b), end + 1]) {
    if (sequence > last + 1) {
      const gap = sequence === last + 2 ? `record ${last + 1} is` : `records ${last + 1} to ${sequence - 1} are`
      const cutOff = sequence > end && furthest
      problems.push(
        cutOff ? `${gap} not there, but ${furthest.where} names record ${end}: the end was cut off` : `${gap} not there: removed`,
      )
    }
    last = sequence
  }
  return problems
}

function contradiction(records: readonly Link[], head: Head | undefined, where: string): string[] {
  if (!head) return [`${where} is no head of a chain: it was changed`]
  const record = records.find(({ sequence }) => sequence === head.sequence)
  if (!record || headOf(record).hash === head.hash) return []
  return [`${where} names another record ${head.sequence} than the one that is there: one of them was rewritten`]
}
