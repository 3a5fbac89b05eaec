/**
 * The keys of the vault: RSA, generated inside, the private half never leaves.
 *
 * Outside its lifetime (nbf, exp) a key still decrypts and unwraps; disabled it does nothing and is not even shown
 * (about-keys-details, "Date-time controlled operations"). Every create makes a new version.
 */
import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import * as z from 'zod'
import { type RsaPair, rsaBits, rsaPairs } from '../rsa-pairs.ts'
import type { Json } from '../stand-in.ts'
import { type Call, done, type Operation, page, parseBody, type Result } from './call.ts'
import { type CipherOperation, type KeyMaterial, keyOperations, useKey } from './cipher.ts'
import { badParameter, disabled, outsideLifetime, type Refusal } from './refusals.ts'
import { attributesJson, byId, change, makeShelf, type Shelf, settableAttributes, tagList, type Version } from './versions.ts'

const makeKeyPair = promisify(generateKeyPair)
const pairsOfVault = rsaPairs()
const sizes = [rsaBits, 3072, 4096]

const createParameters = z.object({
  kty: z.string(),
  key_size: z.number().nullish(),
  key_ops: z.array(z.enum(keyOperations)).nullish(),
  attributes: settableAttributes.nullish(),
  tags: tagList,
})
const updateParameters = createParameters.pick({ key_ops: true, attributes: true, tags: true })

type KeyVersion = Version<KeyMaterial>

const kidOf = (call: Call, version: KeyVersion) => `${call.vaultUrl}/keys/${call.name}/${version.id}`

function bundle(call: Call, version: KeyVersion): Result {
  const { n = '', e = '' } = version.content.publicKey.export({ format: 'jwk' })
  return done({
    key: { kid: kidOf(call, version), kty: 'RSA', key_ops: [...version.content.operations], n, e },
    attributes: { ...attributesJson(version), exportable: false },
    ...(version.tags ? { tags: version.tags } : {}),
  })
}

function listed(kid: string, version: KeyVersion): Json {
  return { kid, attributes: { ...attributesJson(version), exportable: false }, ...(version.tags ? { tags: version.tags } : {}) }
}

async function create(shelf: Shelf<KeyMaterial>, call: Call, nextPair: () => Promise<RsaPair>): Promise<Result> {
  const parsed = parseBody(call, createParameters)
  if (parsed.kind === 'refused') return parsed
  const { kty, key_size: bits, key_ops: operations, attributes, tags } = parsed.value
  if (kty !== 'RSA') return badParameter(`Key type ${kty} is not supported by the local vault.`)
  if (bits && !sizes.includes(bits)) return badParameter('Key size is not supported.')
  const pair = await ((bits ?? rsaBits) === rsaBits ? nextPair() : makeKeyPair('rsa', { modulusLength: bits ?? rsaBits }))
  return bundle(call, shelf.add(call.name, { ...pair, operations: operations ?? keyOperations }, { attributes, tags }, call.nowS))
}

function get(shelf: Shelf<KeyMaterial>, call: Call): Result {
  const found = shelf.find(call.name, call.version)
  if (found.kind === 'refused') return found
  return found.version.enabled ? bundle(call, found.version) : disabled('key', 'get')
}

function update(shelf: Shelf<KeyMaterial>, call: Call): Result {
  const found = shelf.find(call.name, call.version)
  if (found.kind === 'refused') return found
  const parsed = parseBody(call, updateParameters)
  if (parsed.kind === 'refused') return parsed
  change(found.version, parsed.value, call.nowS)
  if (parsed.value.key_ops) found.version.content.operations = parsed.value.key_ops
  return bundle(call, found.version)
}

function refusedNow(version: KeyVersion, operation: CipherOperation, nowS: number): Refusal | undefined {
  if (!version.enabled) return disabled('key', operation)
  if (operation === 'decrypt' || operation === 'unwrapKey') return undefined
  if (version.exp !== undefined && version.exp <= nowS) return outsideLifetime(operation, 'Expired')
  return version.nbf !== undefined && version.nbf > nowS ? outsideLifetime(operation, 'NotYetValid') : undefined
}

function use(shelf: Shelf<KeyMaterial>, operation: CipherOperation, call: Call): Result {
  const found = shelf.find(call.name, call.version)
  if (found.kind === 'refused') return found
  return refusedNow(found.version, operation, call.nowS) ?? useKey(call, operation, kidOf(call, found.version), found.version.content)
}

function listVersions(shelf: Shelf<KeyMaterial>, call: Call): Result {
  const found = shelf.versionsOf(call.name)
  if (found.kind === 'refused') return found
  const items = found.versions.toSorted(byId).map((version) => listed(kidOf(call, version), version))
  return page(call, `/keys/${call.name}/versions`, items)
}

function listKeys(shelf: Shelf<KeyMaterial>, call: Call): Result {
  const items = shelf.all().flatMap(({ name, versions }) => {
    const newest = versions.at(-1)
    return newest ? [listed(`${call.vaultUrl}/keys/${name}`, newest)] : []
  })
  return page(call, '/keys', items)
}

export function makeKeys() {
  const shelf = makeShelf<KeyMaterial>('key')
  const nextPair = pairsOfVault()
  const on = (operation: (shelf: Shelf<KeyMaterial>, call: Call) => Result | Promise<Result>): Operation => {
    return (call) => operation(shelf, call)
  }
  return {
    shelf,
    create: on((of, call) => create(of, call, nextPair)),
    get: on(get),
    update: on(update),
    list: on(listKeys),
    listVersions: on(listVersions),
    use:
      (operation: CipherOperation): Operation =>
      (call) =>
        use(shelf, operation, call),
  }
}
