/**
 * The tenant's policy as one row that only we can write: what people must prove, who may use this, what is no password here.
 *
 * There is a row once an administrator has changed something; until then, and for a field that an older version did not write,
 * the defaults hold. Read with a short cache: every instance follows within ten seconds. A store that is away leaves things as
 * they were for a minute; after that whoever asks gets its fault, and nothing goes on under a policy that is only guessed.
 */
import * as z from 'zod'
import type { Clock } from '../../shared/clock.ts'
import { Fault } from '../../shared/fault.ts'
import { kept } from '../../shared/kept.ts'
import { gateNames, isFirst } from '../gates/gate.ts'
import type { Rows } from '../store/rows.ts'

/** Entra ID's own bounds for such a list (learn.microsoft.com/entra/identity/authentication/concept-password-ban-bad). */
const bannedWord = z
  .string()
  .trim()
  .regex(/^[^\p{C}]{4,16}$/u)

/** As JSON: a text column of the table holds 32,768 (learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model). */
const maxListCharacters = 30_000
const fitsRow = (words: readonly string[]) => JSON.stringify(words).length <= maxListCharacters

/** Such a list however JSON spells it, six bytes a character at most, and the rest. */
export const maxPolicyBytes = 256 * 1024

const unique = (texts: readonly string[]) => new Set(texts).size === texts.length

export const policyFields = {
  /** How many gates a person has to pass; administrators always two. */
  gates: z.union([z.literal(1), z.literal(2)]),
  /** Which gates count. One of them a flow can begin with. */
  offered: z.array(z.enum(gateNames)).refine((names) => unique(names) && names.some(isFirst)),
  /** Object id of the group whose members may use this; null: everybody. */
  eligibleGroup: z.guid().nullable(),
  /** The organization's own names and words, as typed; what contains one is no password. */
  bannedWords: z.array(bannedWord).max(1_000).refine(fitsRow),
  /** Whether new passwords are looked for among those of known breaches. */
  breachCheck: z.boolean(),
  /** How long the audit keeps a day. */
  auditDays: z.int().min(1).max(3_650),
} as const

const policySchema = z.object(policyFields)
export type Policy = z.infer<typeof policySchema>

export const defaultPolicy: Policy = {
  gates: 1,
  offered: gateNames,
  eligibleGroup: null,
  bannedWords: [],
  breachCheck: false,
  auditDays: 180,
}

const rowSchema = policySchema.extend({
  /** Counts changes; 0: there was none. Who and why are in the audit. */
  revision: z.int(),
  /** ms since the epoch. */
  since: z.number(),
})
export type PolicyRow = z.infer<typeof rowSchema>

export interface Policies {
  /** Fresh to ten seconds. */
  current(): Promise<Policy>
  /** As it is now. */
  row(): Promise<PolicyRow>
  /** STORE_CONFLICT unless `revision` is the one that stands there. This instance follows at once. */
  change(policy: Policy, revision: number): Promise<PolicyRow>
}

const place = ['state', 'policy', 'tenant'] as const

export function openPolicies({ rows, clock }: { rows: Pick<Rows, 'read' | 'insert' | 'replace'>; clock: Clock }): Policies {
  const read = async (): Promise<{ row: PolicyRow; etag?: string }> => {
    const found = await rows.read<object>(...place)
    if (!found) return { row: { ...defaultPolicy, revision: 0, since: 0 } }
    const parsed = rowSchema.safeParse({ ...defaultPolicy, ...found.value })
    if (parsed.success) return { row: parsed.data, etag: found.etag }
    throw new Fault('ROW_REJECTED', 'the policy row was written by another version of this product', { permanent: true })
  }
  const remembered = kept(clock, { freshMs: 10_000, usableMs: 60_000 }, () => read().then(({ row }) => row))
  return {
    current: () => remembered.get(),
    row: () => remembered.renew(),
    async change(policy, revision) {
      const { row, etag } = await read()
      if (row.revision !== revision) throw new Fault('STORE_CONFLICT', 'the policy was changed meanwhile')
      const next: PolicyRow = { ...policy, revision: revision + 1, since: clock.now() }
      if (etag === undefined) await rows.insert<PolicyRow>(...place, next)
      else await rows.replace<PolicyRow>(...place, next, etag)
      return remembered.renew()
    },
  }
}
