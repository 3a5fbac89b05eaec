/**
 * The tree: every entry by its name and by its GUID, and the bases a request may name.
 *
 * A base is a DN, `<GUID=…>` or `<SID=…>` ([MS-ADTS] 3.1.1.3.1.2.4). An entry stays the same object when its name changes;
 * parents exist before children and outlive them.
 */
import type { Attributes } from './attributes.ts'
import type { Scope } from './codec.ts'
import type { Credential } from './credential.ts'
import { type Dn, dnKey, formatDn, parseDn } from './dn.ts'
import { guidOctets, sidOctets } from './identifiers.ts'

export interface Entry {
  /** Changed by `Tree.rename` alone, which knows where it is indexed. */
  dn: Dn
  /** `attributes` is replaced as a whole by a modify: readers see all of a write or nothing. */
  attributes: Attributes
  /** What a password is checked against; users only. */
  credential: Credential | undefined
}

export type Base = { kind: 'entry'; entry: Entry } | { kind: 'missing' } | { kind: 'malformed' }

export class Tree {
  readonly #byKey = new Map<string, Entry>()
  readonly #byGuid = new Map<string, Entry>()
  readonly #byClass = new Map<string, Set<Entry>>()
  readonly #children = new Map<string, number>()
  readonly #contexts: readonly string[]

  /** @param contexts keys of naming contexts inside the tree: a search that starts above one does not enter it. */
  constructor(contexts: readonly string[]) {
    this.#contexts = contexts.map((key) => `,${key}`)
  }

  add(entry: Entry): void {
    this.#byKey.set(dnKey(entry.dn), entry)
    this.#byGuid.set(entry.attributes.values('objectGUID')[0]?.toString('hex') ?? '', entry)
    this.ofClass(className(entry)).add(entry)
    this.#countChild(entry, 1)
  }

  remove(entry: Entry): void {
    this.#byKey.delete(dnKey(entry.dn))
    this.#byGuid.delete(entry.attributes.values('objectGUID')[0]?.toString('hex') ?? '')
    this.ofClass(className(entry)).delete(entry)
    this.#countChild(entry, -1)
  }

  /** Names of the entry and of all below it begin with `dn` from now on. */
  rename(entry: Entry, dn: Dn): void {
    const moved = [...this.within(entry, 'sub')]
    const depth = entry.dn.length
    for (const each of moved) {
      this.remove(each)
      each.dn = [...each.dn.slice(0, -depth), ...dn]
    }
    for (const each of moved) this.add(each)
  }

  #countChild(entry: Entry, by: number): void {
    const parent = dnKey(entry.dn.slice(1))
    this.#children.set(parent, (this.#children.get(parent) ?? 0) + by)
  }

  get(dn: Dn): Entry | undefined {
    return this.#byKey.get(dnKey(dn))
  }

  hasChildren(entry: Entry): boolean {
    return (this.#children.get(dnKey(entry.dn)) ?? 0) > 0
  }

  entries(): Iterable<Entry> {
    return this.#byKey.values()
  }

  /** Entries whose most specific class this is; the set lives on. */
  ofClass(objectClass: string): Set<Entry> {
    const key = objectClass.toLowerCase()
    const entries = this.#byClass.get(key) ?? new Set()
    this.#byClass.set(key, entries)
    return entries
  }

  find(base: string): Base {
    const special = /^\s*<(GUID|SID)=([^>]*)>\s*$/i.exec(base)
    const dn = special === null ? parseDn(base) : undefined
    if (special === null) return dn === undefined ? { kind: 'malformed' } : found(this.get(dn))
    const value = special[2] ?? ''
    const octets = special[1]?.toUpperCase() === 'GUID' ? guidOctets(value) : sidFromBase(value)
    if (octets === undefined) return { kind: 'malformed' }
    return found(special[1]?.toUpperCase() === 'GUID' ? this.#byGuid.get(octets.toString('hex')) : this.withSid(octets))
  }

  withSid(sid: Buffer): Entry | undefined {
    for (const entry of this.entries()) if (entry.attributes.values('objectSid')[0]?.equals(sid)) return entry
    return undefined
  }

  *within(base: Entry, scope: Scope): Iterable<Entry> {
    if (scope === 'base') {
      yield base
      return
    }
    // A comma or an equals sign inside a value is escaped in a key, so a suffix that starts with a bare comma is a name.
    const suffix = `,${dnKey(base.dn)}`
    if (scope === 'sub') yield base
    const closed = this.#contexts.filter((context) => !suffix.endsWith(context))
    for (const [key, entry] of this.#byKey) {
      if (closed.some((context) => `,${key}`.endsWith(context))) continue
      if (key.endsWith(suffix) && (scope !== 'one' || entry.dn.length === base.dn.length + 1)) yield entry
    }
  }
}

const className = (entry: Entry): string => entry.attributes.texts('objectClass').at(-1) ?? ''

const found = (entry: Entry | undefined): Base => (entry === undefined ? { kind: 'missing' } : { kind: 'entry', entry })

const sidFromBase = (text: string) => sidOctets(text) ?? (/^([0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, 'hex') : undefined)

export const isA = (entry: Entry, objectClass: string): boolean =>
  entry.attributes.texts('objectClass').some((name) => name.toLowerCase() === objectClass.toLowerCase())

export const nameOf = ({ dn }: Pick<Entry, 'dn'>): string => formatDn(dn)
