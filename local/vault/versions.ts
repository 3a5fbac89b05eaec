/**
 * What keys and secrets have in common: a name, a list of versions in the order they were made, and their attributes.
 *
 * A version is found by id, or is the newest one when no id is given, whether that is enabled or not. Versions
 * are never removed one by one, as in the real service. Times are whole seconds since the epoch.
 * Source: Key Vault REST API, KeyAttributes and SecretAttributes.
 */
import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import { notFound, type ObjectKind, type Refusal } from './refusals.ts'

const secondsSinceEpoch = z.int().nonnegative()

/** What a client may set. `null` and an absent member both leave things as they are. */
export const settableAttributes = z.object({
  enabled: z.boolean().nullish(),
  nbf: secondsSinceEpoch.nullish(),
  exp: secondsSinceEpoch.nullish(),
})
export const tagList = z.record(z.string().max(256), z.string().max(256)).nullish()
export type SettableAttributes = z.infer<typeof settableAttributes>

export interface Version<Content> {
  id: string
  enabled: boolean
  nbf?: number
  exp?: number
  createdS: number
  updatedS: number
  tags?: Record<string, string>
  content: Content
}

export interface Changes {
  attributes?: SettableAttributes | null | undefined
  tags?: Record<string, string> | null | undefined
}

export type AttributesJson = {
  enabled: boolean
  nbf?: number
  exp?: number
  created: number
  updated: number
  recoveryLevel: string
  recoverableDays: number
}

/** Applies what a client sent; tags are replaced as a whole. */
export function change<Content>(version: Version<Content>, { attributes, tags }: Changes, nowS: number): void {
  version.enabled = attributes?.enabled ?? version.enabled
  if (attributes?.nbf != null) version.nbf = attributes.nbf
  if (attributes?.exp != null) version.exp = attributes.exp
  if (tags) version.tags = tags
  version.updatedS = nowS
}

/** As the vault shows them; soft delete with purge protection, as `infra/` deploys it. */
export function attributesJson(version: Version<unknown>): AttributesJson {
  return {
    enabled: version.enabled,
    ...(version.nbf === undefined ? {} : { nbf: version.nbf }),
    ...(version.exp === undefined ? {} : { exp: version.exp }),
    created: version.createdS,
    updated: version.updatedS,
    recoveryLevel: 'Recoverable',
    recoverableDays: 90,
  }
}

export interface Shelf<Content> {
  add(name: string, content: Content, changes: Changes, nowS: number): Version<Content>
  find(name: string, id: string | undefined): { kind: 'found'; version: Version<Content> } | Refusal
  versionsOf(name: string): { kind: 'found'; versions: Version<Content>[] } | Refusal
  /** With all its versions; one by one they cannot be removed in the real service either. */
  remove(name: string): void
  all(): { name: string; versions: Version<Content>[] }[]
}

/** Versions are listed in the order of their random ids, which is none: whoever wants the newest has to look at `created`. */
export const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1)

/** The store of one kind of object. Names are compared without regard to case and shown as first written. */
export function makeShelf<Content>(object: ObjectKind): Shelf<Content> {
  const objects = new Map<string, { name: string; versions: Version<Content>[] }>()
  return {
    add(name, content, changes, nowS) {
      const entry = objects.get(name.toLowerCase()) ?? { name, versions: [] }
      const version: Version<Content> = { id: randomBytes(16).toString('hex'), enabled: true, createdS: nowS, updatedS: nowS, content }
      change(version, changes, nowS)
      entry.versions.push(version)
      objects.set(name.toLowerCase(), entry)
      return version
    },
    find(name, id) {
      const versions = objects.get(name.toLowerCase())?.versions
      const version = id ? versions?.find((each) => each.id === id.toLowerCase()) : versions?.at(-1)
      return version ? { kind: 'found', version } : notFound(object, name, id)
    },
    versionsOf(name) {
      const versions = objects.get(name.toLowerCase())?.versions
      return versions ? { kind: 'found', versions } : notFound(object, name)
    },
    remove: (name) => void objects.delete(name.toLowerCase()),
    all: () => [...objects.values()],
  }
}
