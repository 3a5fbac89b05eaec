/**
 * What is asked of two forests of one kind, all of the same pair: every start of a domain controller costs two seconds of a
 * processor. Each test makes its own people; who is changed of the sample is changed by one test alone.
 */
import { afterAll, beforeAll } from 'vitest'
import { bannedInNorth } from './causes/policy.ts'
import { causesContract } from './causes.ts'
import { type ForestKind, type Forests, startForests } from './forests.ts'
import { foundContract } from './found.ts'
import { sideBySideContract } from './side-by-side.ts'
import { toldApartContract } from './told-apart.ts'

/** The first start of Samba provisions its forests. */
const startsWithinMs = 120_000

/** The accessor is for inside tests. */
export function forestsContract(kind: ForestKind): () => Forests {
  let started: Forests | undefined
  const forests = () => {
    if (started === undefined) throw new Error('the forests run inside tests only')
    return started
  }
  beforeAll(async () => {
    started = await startForests(kind, { bannedInNorth: [bannedInNorth] })
  }, startsWithinMs)
  afterAll(() => started?.close())
  for (const contract of [sideBySideContract, foundContract, causesContract, toldApartContract]) contract(kind, forests)
  return forests
}
