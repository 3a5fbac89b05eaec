/**
 * The secrets of the vault: text in versions. Setting makes a new version; a disabled version cannot be read.
 *
 * Lists and updates never contain the value. Outside its lifetime (nbf, exp) a secret can still be read: those dates are
 * for whoever uses it (about-secrets, "Date-time controlled operations").
 */
import * as z from 'zod'
import type { Json } from '../stand-in.ts'
import { type Call, done, type Operation, page, parseBody, type Result } from './call.ts'
import { badParameter, disabled } from './refusals.ts'
import { attributesJson, byId, change, makeShelf, type Shelf, settableAttributes, tagList, type Version } from './versions.ts'

export interface SecretContent {
  value: string
  contentType?: string
}

type SecretVersion = Version<SecretContent>

const valueLimitBytes = 25 * 1024

const setParameters = z.object({
  value: z.string(),
  contentType: z.string().nullish(),
  attributes: settableAttributes.nullish(),
  tags: tagList,
})
const updateParameters = setParameters.omit({ value: true })

function metadata(id: string, { content, tags, ...version }: SecretVersion): { [key: string]: Json } {
  return {
    id,
    attributes: attributesJson({ ...version, content }),
    ...(content.contentType === undefined ? {} : { contentType: content.contentType }),
    ...(tags ? { tags } : {}),
  }
}

const idOf = (call: Call, version: SecretVersion) => `${call.vaultUrl}/secrets/${call.name}/${version.id}`

function bundle(call: Call, version: SecretVersion): Result {
  return done({ value: version.content.value, ...metadata(idOf(call, version), version) })
}

function set(shelf: Shelf<SecretContent>, call: Call): Result {
  const parsed = parseBody(call, setParameters)
  if (parsed.kind === 'refused') return parsed
  const { value, contentType, attributes, tags } = parsed.value
  if (Buffer.byteLength(value) > valueLimitBytes) return badParameter('Secret value is too large.')
  return bundle(call, shelf.add(call.name, { value, ...(contentType ? { contentType } : {}) }, { attributes, tags }, call.nowS))
}

function get(shelf: Shelf<SecretContent>, call: Call): Result {
  const found = shelf.find(call.name, call.version)
  if (found.kind === 'refused') return found
  return found.version.enabled ? bundle(call, found.version) : disabled('secret', 'get')
}

function update(shelf: Shelf<SecretContent>, call: Call): Result {
  const found = shelf.find(call.name, call.version)
  if (found.kind === 'refused') return found
  const parsed = parseBody(call, updateParameters)
  if (parsed.kind === 'refused') return parsed
  change(found.version, parsed.value, call.nowS)
  if (parsed.value.contentType) found.version.content.contentType = parsed.value.contentType
  return done(metadata(idOf(call, found.version), found.version))
}

function listVersions(shelf: Shelf<SecretContent>, call: Call): Result {
  const found = shelf.versionsOf(call.name)
  if (found.kind === 'refused') return found
  const items = found.versions.toSorted(byId).map((version) => metadata(idOf(call, version), version))
  return page(call, `/secrets/${call.name}/versions`, items)
}

function listSecrets(shelf: Shelf<SecretContent>, call: Call): Result {
  const items = shelf.all().flatMap(({ name, versions }) => {
    const newest = versions.at(-1)
    return newest ? [metadata(`${call.vaultUrl}/secrets/${name}`, newest)] : []
  })
  return page(call, '/secrets', items)
}

export function makeSecrets() {
  const shelf = makeShelf<SecretContent>('secret')
  const on = (operation: (shelf: Shelf<SecretContent>, call: Call) => Result): Operation => {
    return (call) => operation(shelf, call)
  }
  return { shelf, set: on(set), get: on(get), update: on(update), list: on(listSecrets), listVersions: on(listVersions) }
}
