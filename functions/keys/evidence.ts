/**
 * Evidence of every change of the keys: a chain of numbered records to which this product only ever adds
 * (docs/keys.md, Evidence). A row holds a record (so it has a MAC over its place and content), the record holds the hash of
 * the one before it (shared/evidence.ts), and the head stands as the tag `evidence` on the newest enabled version of the
 * package key and in the log.
 *
 * Who can only write to the table: whatever they edit, remove, move or cut off is found, and what is added afterwards goes on
 * from the tag, over the gap, so that it stays found. Who has the functions' identity can write rows, tags and state keys
 * like us: they can make up another chain, which then contradicts only what they cannot reach, the log and heads that
 * somebody noted. And no chain shows what was never written into it.
 */

import {
  type Anchor,
  beginning,
  type EvidenceFacts,
  type EvidenceRecord,
  type Head,
  headOf,
  headText,
  isLink,
  parseHead,
  problemsOf,
} from '../../shared/evidence.ts'
import { Fault, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import type { RejectedRow, Rows } from '../store/rows.ts'
import type { Vault, VersionFacts } from './vault.ts'

export type { EvidenceFacts } from '../../shared/evidence.ts'

export type Chain = {
  state: 'intact' | 'broken'
  problems: string[]
  head: string | undefined
}

export interface Evidence {
  /** Once for each rollover and kind, however often it is said. Answers the head that ends with this record. */
  append(facts: EvidenceFacts): Promise<string>
  head(): Promise<string | undefined>
  /** Everything, verified. Records that do not fit their MAC are problems and not among the records. */
  read(): Promise<{ records: EvidenceRecord[]; chain: Chain }>
  /** For the timer: tells the log of a broken chain, and puts the head where a killed `append` has not. */
  keep(): Promise<void>
}

export interface EvidenceOptions {
  rows: Rows
  vault: Pick<Vault, 'secretVersions' | 'tagSecretVersion'>
  log: Log
}

const [table, partition] = ['state', 'evidence'] as const
const tagName = 'evidence'
const attempts = 20

export function openEvidence({ rows, vault, log }: EvidenceOptions): Evidence {
  /** Tags first: the rows read after them hold at least what they name. */
  async function load(): Promise<Found> {
    const versions = await vault.secretVersions('package-key')
    const rejected: RejectedRow[] = []
    const found = await rows.list<unknown>(table, partition, (row) => rejected.push(row))
    return { versions, ...sorted(found, rejected) }
  }

  async function add(facts: EvidenceFacts): Promise<Head> {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const found = await load()
      const there = found.records.find(({ rolloverId, kind }) => rolloverId === facts.rolloverId && kind === facts.kind)
      if (there) return headOf(there)
      const last = newestHead(found)
      const record: EvidenceRecord = { ...facts, sequence: freePlaceAfter(last, found.occupied), previous: last.hash }
      try {
        await rows.insert(table, partition, keyOf(record.sequence), record)
        return headOf(record)
      } catch (error) {
        // Another instance was faster: with the same record, or with one that this has to come after.
        if (!isFault(error, 'STORE_CONFLICT')) throw error
      }
    }
    throw new Fault('STORE_CONFLICT', `no place in the chain of evidence in ${attempts} attempts`)
  }

  async function anchor(): Promise<void> {
    const found = await load()
    const head = newestHead(found)
    const newest = found.versions.filter(({ enabled }) => enabled).toSorted((a, b) => b.createdAt - a.createdAt)[0]
    if (!newest || head.sequence === 0 || newest.tags[tagName] === headText(head)) return
    await vault.tagSecretVersion('package-key', newest.version, { ...newest.tags, [tagName]: headText(head) })
    log('evidenceHead', { sequence: head.sequence, hash: head.hash, keyVersion: newest.version })
  }

  async function read() {
    const found = await load()
    const { records, occupied } = found
    const problems = [...found.problems, ...problemsOf(records, anchorsIn(found.versions), occupied)]
    const head = newestHead(found)
    const chain: Chain = {
      state: problems.length === 0 ? 'intact' : 'broken',
      problems,
      head: head.sequence === 0 ? undefined : headText(head),
    }
    return { records, chain }
  }

  return {
    async append(facts) {
      const head = await add(facts)
      await anchor()
      return headText(head)
    },
    head: async () => (await read()).chain.head,
    read,
    async keep() {
      const { chain } = await read()
      if (chain.state === 'broken') log('evidenceBroken', { count: chain.problems.length })
      await anchor()
    },
  }
}

interface Sorted {
  /** By place. */
  records: EvidenceRecord[]
  /** Places of what is no record. */
  occupied: number[]
  problems: string[]
}
type Found = Sorted & { versions: VersionFacts[] }

const keyOf = (sequence: number) => String(sequence).padStart(9, '0')
const placeOf = (rowKey: string) => (/^\d{9}$/.test(rowKey) ? Number(rowKey) : 0)

function sorted(found: readonly { rowKey: string; value: unknown }[], rejected: readonly RejectedRow[]): Sorted {
  const records: EvidenceRecord[] = []
  const occupied: number[] = []
  const problems: string[] = []
  for (const { rowKey, value } of found.toSorted((a, b) => placeOf(a.rowKey) - placeOf(b.rowKey))) {
    const place = placeOf(rowKey)
    if (!isRecord(value)) {
      problems.push(`record ${place} was written by another version of this product`)
      occupied.push(place)
      continue
    }
    if (value.sequence !== place) {
      problems.push(`record ${value.sequence} stands in place ${place}: the order was changed`)
      occupied.push(place)
    }
    records.push(value)
  }
  for (const { rowKey, d } of rejected) {
    const place = placeOf(rowKey)
    if (place > 0) occupied.push(place)
    problems.push(place === 0 ? 'a row that is no record stands among them: it was added' : unfit(place, claimedSequence(d)))
  }
  return { records, occupied, problems }
}

const isRecord = (value: unknown): value is EvidenceRecord => isLink(value)

/** A row that was moved here still says whose it was; that is a hint, for its MAC does not fit. */
const unfit = (place: number, claimed: number | undefined) =>
  claimed === undefined || claimed === place
    ? `record ${place} does not fit its MAC: it was edited`
    : `in the place of record ${place} stands a row of record ${claimed}: the order was changed`

function claimedSequence(json: string): number | undefined {
  try {
    const value: unknown = JSON.parse(json)
    return isRecord(value) ? value.sequence : undefined
  } catch {
    return undefined
  }
}

const anchorsIn = (versions: readonly VersionFacts[]): Anchor[] =>
  versions.flatMap(({ version, tags }) => {
    const head = tags[tagName]
    return head === undefined ? [] : { head, where: `the tag on package key version ${version}` }
  })

/** What the next record continues. The vault's word counts where the rows are behind it or contradict it. */
function newestHead({ records, versions }: Pick<Found, 'records' | 'versions'>): Head {
  const tagged = anchorsIn(versions).flatMap(({ head }) => parseHead(head) ?? [])
  const heads = [...tagged, ...records.map(headOf), beginning]
  return heads.reduce((newest, each) => (each.sequence > newest.sequence ? each : newest))
}

function freePlaceAfter({ sequence }: Head, occupied: readonly number[]): number {
  let place = sequence + 1
  while (occupied.includes(place)) place += 1
  return place
}
