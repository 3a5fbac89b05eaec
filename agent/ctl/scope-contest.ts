/**
 * Which account each source anchor means, once everybody's anchor is known: the same answer as agent/lookup gives to a request.
 *
 * Of an account 24 bytes are kept, in one array: eight of its anchor's digest, eight of its objectGUID's, the rule, and a link
 * to the next account of the same bucket. Two of a million anchors share a digest by chance once in 2^25 reports.
 */
import { createHash } from 'node:crypto'
import type { Rule } from '../lookup/rules.ts'

export type Verdict =
  | { kind: 'one' }
  /** `rules`: names, each once. */
  | { kind: 'ambiguous'; accounts: number; rules: string[] }
  /** Another rule comes first, for this account or for another one with this anchor. */
  | { kind: 'outranked'; rule: string }
  /** Within the rule: the anchor is the objectGUID of another account. */
  | { kind: 'notOwner' }

export interface Carrier {
  /** Index into the rules. */
  rule: number
  anchor: string
  /** objectGUID, 16 bytes. */
  guid: Buffer
  /** The anchor was made from this account's own objectGUID. */
  isOwner: boolean
}

export interface Contest {
  add(carrier: Carrier): void
  /** After the last `add`. The carrier itself must be among those added. */
  verdict(carrier: Omit<Carrier, 'isOwner'>): Verdict
}

interface Entry {
  rule: number
  account: string
  isOwner: boolean
}

const stride = 6
const startsWith = 1024
const none = 0xffff_ffff

export function createContest(rules: readonly Pick<Rule, 'name' | 'precedence'>[]): Contest {
  let held = new Uint32Array(stride * startsWith)
  let count = 0
  let heads: Uint32Array | undefined
  const link = (): Uint32Array => {
    const made = new Uint32Array(2 ** Math.ceil(Math.log2(count + 1))).fill(none)
    for (let at = 0; at < count; at++) {
      const bucket = (held[at * stride] ?? 0) & (made.length - 1)
      held[at * stride + 5] = made[bucket] ?? none
      made[bucket] = at
    }
    return made
  }
  const carriersOf = (anchor: string): Entry[] => {
    heads ??= link()
    const [high, low] = digest(anchor)
    const found: Entry[] = []
    for (let at = heads[high & (heads.length - 1)] ?? none; at !== none; at = held[at * stride + 5] ?? none) {
      const [first, second, guidHigh, guidLow, flags = 0] = held.subarray(at * stride, at * stride + 5)
      if (first === high && second === low) found.push({ rule: flags >>> 1, account: `${guidHigh}-${guidLow}`, isOwner: (flags & 1) === 1 })
    }
    return found
  }
  return {
    add({ rule, anchor, guid, isOwner }) {
      if ((count + 1) * stride > held.length) held = grown(held)
      held.set([...digest(anchor), ...digest(guid), rule * 2 + Number(isOwner)], count * stride)
      count += 1
      heads = undefined
    },
    verdict: ({ rule, anchor, guid }) => judge({ rule, account: digest(guid).join('-') }, carriersOf(anchor), rules),
  }
}

function digest(value: string | Buffer): readonly [high: number, low: number] {
  const bytes = createHash('sha256').update(value).digest()
  return [bytes.readUInt32LE(0), bytes.readUInt32LE(4)]
}

function grown(held: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(held.length * 2)
  larger.set(held)
  return larger
}

/** As find.ts and metaverse.ts: the owner of the objectGUID within a rule, each account under its best rule, then precedence. */
function judge(own: Omit<Entry, 'isOwner'>, carriers: readonly Entry[], rules: readonly Pick<Rule, 'name' | 'precedence'>[]): Verdict {
  if (carriers.length === 1) return { kind: 'one' }
  const precedence = ({ rule }: Pick<Entry, 'rule'>) => rules[rule]?.precedence ?? 0
  const name = ({ rule }: Pick<Entry, 'rule'>) => rules[rule]?.name ?? ''
  const owned = new Set(carriers.filter(({ isOwner }) => isOwner).map(({ rule }) => rule))
  const counting = carriers.filter(({ rule, isOwner }) => isOwner || !owned.has(rule))
  if (!counting.some(({ rule, account }) => rule === own.rule && account === own.account)) return { kind: 'notOwner' }
  const best = new Map<string, Entry>()
  for (const entry of counting.sort((a, b) => precedence(a) - precedence(b) || a.rule - b.rule)) {
    if (!best.has(entry.account)) best.set(entry.account, entry)
  }
  const [first = own, ...others] = best.values()
  const winners = [first, ...others.filter((entry) => precedence(entry) === precedence(first))]
  const mine = best.get(own.account) ?? own
  if (mine.rule !== own.rule) return { kind: 'outranked', rule: name(mine) }
  if (precedence(mine) > precedence(first)) return { kind: 'outranked', rule: name(first) }
  return winners.length === 1 ? { kind: 'one' } : { kind: 'ambiguous', accounts: winners.length, rules: [...new Set(winners.map(name))] }
}
