/**
 * A run: one attempt to put new key versions in the place of the old, as it stands in the key pointer's row.
 *
 *   make ──▶ prove ──▶ adopt ──▶ overlap ──▶ rewrite ──▶ disable ──▶ done | abandoned
 *                  └─▶ abandon ──┘
 *
 * Run and pointer share a row, so that each step (the moment of rollover is one of them) is one conditional write: whoever
 * works on a run that was taken over meanwhile cannot move the pointer any more. What each kind of run rolls, who has to
 * prove it and how long the old stay open is the table `rules` (docs/keys.md).
 */
import * as z from 'zod'

export const keyNames = ['packageKey', 'passwordKey', 'stateKey'] as const
export type KeyName = (typeof keyNames)[number]
export type Versions = Record<KeyName, string>

export const whys = ['first', 'schedule', 'byHand', 'enable', 'incident', 'revoke'] as const
export type Why = (typeof whys)[number]
export const steps = ['make', 'prove', 'adopt', 'abandon', 'overlap', 'rewrite', 'disable', 'done', 'abandoned'] as const
export type Step = (typeof steps)[number]
export type WorkStep = Exclude<Step, 'done' | 'abandoned'>

const version = z.string().regex(/^[0-9a-f]{32}$/)
const someVersions = z.partialRecord(z.enum(keyNames), version)
const proof = z.object({ agent: z.string(), at: z.number(), by: z.enum(['onboard', 'heartbeat']) })
export type Proof = z.infer<typeof proof>

const cause = { id: z.string(), why: z.enum(whys), reason: z.string(), by: z.string() }

export const run = z.object({
  ...cause,
  step: z.enum(steps),
  /** ms since the epoch. */
  startedAt: z.number(),
  /** Why it was abandoned, or what was not proved. */
  problem: z.string().optional(),
  /** What did not work at the last try: the next one may. */
  trouble: z.string().optional(),
  /** What was made, once all of it was. */
  made: someVersions.optional(),
  /** Until when it has to be proved. */
  proveUntil: z.number().optional(),
  proofs: z.array(proof),
  /** An administrator's reason to adopt what not every live agent has proved. */
  overridden: z.string().optional(),
  /** What the pointer named before. */
  old: someVersions.optional(),
  /** Runs that this one took over, and whether they had moved the pointer: their record is closed with this one's. */
  before: z.array(z.object({ ...cause, adopted: z.boolean(), made: someVersions.optional() })),
  /** Somebody works on it; after `until`, whoever comes. */
  claim: z.object({ until: z.number() }).optional(),
})
export type Run = z.infer<typeof run>

/** As administrators see it: one that is being abandoned goes on to clear up, through the steps of one that was adopted. */
export function shownRun({ id, why, step: at, startedAt, reason, by, problem, trouble, old }: Run) {
  const step: Step = ending.includes(at) && old === undefined && why !== 'first' ? 'abandon' : at
  const told = [problem, trouble].filter((each) => each !== undefined).join('; ')
  return { id, why, step, startedAt, reason, by, ...(told !== '' && { problem: told }) }
}
const ending: readonly Step[] = ['overlap', 'rewrite', 'disable']
export type ShownRun = ReturnType<typeof shownRun>

export const isOver = ({ step }: Run): boolean => step === 'done' || step === 'abandoned'
/** The pointer has not moved yet. */
export const isOpen = ({ step }: Run): boolean => step === 'make' || step === 'prove'

const minutes = (n: number) => n * 60_000
/** No instance uses a pointer that it read longer ago (pointer.ts). */
export const followMs = minutes(5)

export interface Rule {
  keys: readonly KeyName[]
  /** `all`: one agent answers a probe, and the heartbeats of all that are live name the new versions. */
  proof: 'none' | 'one' | 'all'
  /** When it is not proved in time. `adopt`: at once, and the problem says so. */
  unproved: 'abandon' | 'adopt'
  /** How long the old stay enabled after the pointer has moved. */
  overlapMs: number
  /** Package key and password key have no overlap: the old are disabled as soon as the pointer has moved. */
  cut: boolean
}

const shared = ['packageKey', 'passwordKey'] as const
/** The last instance follows, and then what it sealed and the flows it began live for 15 minutes. */
const overlapMs = followMs + minutes(15)
const careful = { keys: keyNames, proof: 'all', unproved: 'abandon', overlapMs, cut: false } as const

export const rules: Record<Why, Rule> = {
  first: { ...careful, proof: 'none', overlapMs: 0 },
  schedule: careful,
  byHand: careful,
  // Nothing is in flight while the feature is off: the one answer is enough.
  enable: { ...careful, proof: 'one' },
  // All agents are revoked: there is nobody to prove anything. Instances that have not followed yet still write rows under
  // the old state key, which no agent ever sees: it stays until they have.
  incident: { ...careful, proof: 'none', unproved: 'adopt', overlapMs: followMs, cut: true },
  revoke: { keys: shared, proof: 'one', unproved: 'adopt', overlapMs, cut: true },
}
