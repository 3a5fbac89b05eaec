/**
 * What is done at each step of a run (run.ts). Every step may be done again from its start: it is told what stands in the row,
 * does what is missing, and answers the row that comes next, or nothing while there is something to wait for.
 *
 * The pointer moves in `prove`, by the same write that ends the step. Versions are disabled only after they were listed and
 * the row was found unchanged since: what a later run makes is in no such list.
 */
import type { Clock } from '../../shared/clock.ts'
import { Fault, faultWord, isFault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import { type Agents, heardWithinMs } from '../relay/agents.ts'
import type { Probe } from '../relay/probe.ts'
import type { Rows } from '../store/rows.ts'
import { tableNames } from '../store/tables.ts'
import type { Feature } from './feature.ts'
import { type KeyPointer, type Pointer, type PointerRow, readPointer } from './pointer.ts'
import { type KeyName, keyNames, type Proof, type Run, rules, type Step, type Versions, type Why, type WorkStep } from './run.ts'
import type { Vault } from './vault.ts'
import { disableVersions, type Facts, listVersions, madeBy, makeVersions, unnamed } from './versions.ts'

/** A record of what was done with the keys (evidence.ts); saying the same again changes nothing. */
export interface Recorder {
  append(facts: {
    kind: 'begun' | 'adopted' | 'abandoned' | 'disabled'
    rolloverId: string
    why: Why
    reason: string
    by: string
    at: number
    versions?: Partial<Versions>
    proofs?: Proof[]
    overridden?: string
  }): Promise<unknown>
}

export interface StepDeps {
  rows: Pick<Rows, 'read' | 'replace' | 'renew'>
  vault: Vault
  pointer: Pointer
  agents: Pick<Agents, 'live' | 'all'>
  feature: Pick<Feature, 'enable' | 'isOn'>
  onboard: Probe['onboard']
  evidence: Recorder
  clock: Clock
  log: Log
}

export type Held = PointerRow & { pointer: KeyPointer & { run: Run } }
/** `wait`: to be written, but nothing follows yet. */
export type Result = { pointer: Held['pointer']; wait?: true } | undefined

/** Two heartbeats of every agent, and what a late one may take. */
const proveWithinMs = heardWithinMs
/** One go over the tables; what is left is done by the next. */
const rewriteWithinMs = 240_000

/** Whoever has a package key can speak under any number of ids; a row holds some hundred. */
const maxNamed = 100
const namesOf = (agents: readonly { agent: string }[]): string =>
  agents
    .slice(0, maxNamed)
    .map(({ agent }) => agent)
    .join(', ') + (agents.length > maxNamed ? ` and ${agents.length - maxNamed} more` : '')

export function createSteps(deps: StepDeps): Record<WorkStep, (row: Held) => Promise<Result>> {
  const { rows, vault, agents, clock, log } = deps
  return { make, prove, adopt, abandon, overlap, rewrite, disable }

  async function make({ pointer }: Held): Promise<Result> {
    const { run } = pointer
    await recordBegun(run, urgent(run))
    const made = await makeVersions(vault, run.id, rules[run.why].keys)
    log('keyVersionsMade', { operation: run.why, rollover: run.id, keyVersion: made.packageKey })
    return to(pointer, 'prove', { made, proveUntil: clock.now() + proveWithinMs })
  }

  async function prove({ pointer }: Held): Promise<Result> {
    const { run } = pointer
    const { proof, unproved, keys } = rules[run.why]
    const { proofs, lacking } = await proven(pointer)
    const problem = lacking.length === 0 ? undefined : lacking.join('; ')
    const answered = proofs.some(({ by }) => by === 'onboard')
    if (problem === undefined || unproved === 'adopt' || (run.overridden !== undefined && answered)) {
      if (problem !== undefined) log('rolloverUnproved', { rollover: run.id, operation: run.why })
      const old = Object.fromEntries(keys.map((name) => [name, pointer[name]]))
      return {
        pointer: {
          ...pointer,
          ...run.made,
          since: clock.now(),
          rolloverId: run.id,
          run: { ...run, step: 'adopt', proofs, old, problem },
        },
      }
    }
    if (clock.now() < (run.proveUntil ?? 0)) return { ...to(pointer, 'prove', { proofs }), wait: true }
    log('rolloverAbandoned', { rollover: run.id, operation: run.why, reason: proof === 'all' && answered ? 'heartbeats' : 'onboard' })
    return to(pointer, 'abandon', { proofs, problem })
  }

  /** `lacking`: what is still to be proved, in words. */
  async function proven(pointer: Held['pointer']): Promise<{ proofs: Proof[]; lacking: string[] }> {
    const { run } = pointer
    const { proof, unproved } = rules[run.why]
    if (proof === 'none') return { proofs: [], lacking: ['nobody was asked to prove the new versions: all agents are revoked'] }
    const at = clock.now()
    // Somebody may have disabled what was made, and then it is never to be had; and nobody is cut off later for a proof.
    const unproven = (error: unknown): undefined => {
      if (!isFault(error) || (unproved === 'abandon' && at < (run.proveUntil ?? 0))) throw error
    }
    const first = run.proofs.find(({ by }) => by === 'onboard') ?? (await onboarded(pointer, at).catch(unproven))
    const live = proof === 'all' ? await agents.live() : []
    const { packageKey = '', passwordKey = '' } = run.made ?? {}
    const [yes, no] = [true, false].map((has) =>
      live.filter((agent) => (agent.packageKeys.includes(packageKey) && agent.passwordKeys.includes(passwordKey)) === has),
    ) as [typeof live, typeof live]
    return {
      proofs: [
        ...(first ? [first] : []),
        ...yes.slice(0, maxNamed).map(({ agent, heardAt }) => ({ agent, at: heardAt, by: 'heartbeat' }) as const),
      ],
      lacking: [
        ...(first ? [] : ['no agent has answered a probe under the new versions']),
        ...(no.length === 0 ? [] : [`of ${live.length} live agents these have not proved them: ${namesOf(no)}`]),
      ],
    }
  }

  async function onboarded(pointer: Held['pointer'], at: number): Promise<Proof | undefined> {
    const { packageKey, passwordKey } = { ...pointer, ...pointer.run.made }
    const agent = await deps.onboard({ packageKey, passwordKey })
    if (agent === undefined) return undefined
    // Whoever takes the message may be one that is not listened to any more.
    const revoked = (await agents.all()).some((each) => each.agent === agent && each.revokedAt !== undefined)
    return revoked ? undefined : { agent, at, by: 'onboard' }
  }

  async function adopt(row: Held): Promise<Result> {
    const { run } = row.pointer
    await deps.pointer.follow()
    if (rules[run.why].cut) await disableIn(row, (facts) => unnamed(row.pointer, facts), ['packageKey', 'passwordKey'])
    if (run.why === 'enable') await deps.feature.enable(run)
    await recordAdopted(run, urgent(run))
    log('rolloverAdopted', { rollover: run.id, operation: run.why, keyVersion: row.pointer.packageKey, count: run.proofs.length })
    return to(row.pointer, 'overlap')
  }

  async function abandon(row: Held): Promise<Result> {
    const { run } = row.pointer
    await disableIn(row, (facts) => madeBy(run.id, facts), keyNames)
    await record('abandoned', run, { versions: run.made, proofs: run.proofs })
    return to(row.pointer, 'overlap')
  }

  /** Of an abandoned run, that of the run before it, which it took over. */
  async function overlap({ pointer }: Held): Promise<Result> {
    const { overlapMs } = rules[pointer.run.why]
    return clock.now() < pointer.since + overlapMs ? undefined : to(pointer, 'rewrite')
  }

  async function rewrite({ pointer }: Held): Promise<Result> {
    const signal = clock.deadline(rewriteWithinMs)
    // Only what can be read: versions that somebody made up in rows would be asked for one by one.
    const old = (await vault.secretVersions('state-key')).filter(({ enabled, version }) => enabled && version !== pointer.stateKey)
    for (const { version } of old) {
      for (const table of tableNames) {
        // Twice, for what was changed under its hands. Not until nothing is left: somebody could put old rows back for ever.
        for (let pass = 0; pass < 2; pass += 1) await rows.renew(table, version, signal)
        if (signal.aborted) return undefined
      }
    }
    return to(pointer, 'disable')
  }

  async function disable(row: Held): Promise<Result> {
    const { run } = row.pointer
    await disableIn(row, (facts) => unnamed(row.pointer, facts), keyNames)
    const adopted = row.pointer.rolloverId === run.id
    if (urgent(run)) await recordBegun(run)
    if (urgent(run) && adopted) await recordAdopted(run)
    for (const each of run.before) if (each.adopted) await record('disabled', each)
    if (adopted) await record('disabled', run, { versions: run.old })
    return to(row.pointer, adopted ? 'done' : 'abandoned')
  }

  async function disableIn(row: PointerRow, choose: (facts: Facts) => Facts, names: readonly KeyName[]): Promise<void> {
    await disableUnder(row, choose, names, deps)
  }

  async function recordBegun(run: Run, laterWillDo = false): Promise<void> {
    for (const each of run.before) await record(each.adopted ? 'adopted' : 'abandoned', each, { versions: each.made }, laterWillDo)
    await record('begun', run, {}, laterWillDo)
  }

  async function recordAdopted(run: Run, laterWillDo = false): Promise<void> {
    await record('adopted', run, { versions: run.made, proofs: run.proofs, overridden: run.overridden }, laterWillDo)
  }

  async function record(kind: Kind, cause: Cause, more: More = {}, laterWillDo = false): Promise<void> {
    const { id: rolloverId, why, reason, by } = cause
    const present = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined))
    try {
      await deps.evidence.append({ kind, rolloverId, why, reason, by, at: clock.now(), ...present })
    } catch (error) {
      if (!isFault(error) || !(error.permanent || laterWillDo)) throw error
      // A chain that somebody has broken is told by whoever reads it; it must not keep keys from being rolled.
      log('rolloverFailed', { rollover: rolloverId, operation: why, reason: 'evidence', fault: faultWord(error) })
    }
  }
}

/** Lists, makes sure that the row is still as it was, and disables what was chosen. Answers what was listed. */
export async function disableUnder(
  row: PointerRow,
  choose: (facts: Facts) => Facts,
  names: readonly KeyName[],
  { rows, vault, log }: Pick<StepDeps, 'rows' | 'vault' | 'log'>,
): Promise<Facts> {
  const facts = await listVersions(vault)
  if ((await readPointer(rows))?.etag !== row.etag) throw new Fault('STORE_CONFLICT', 'another run has begun')
  const count = await disableVersions(vault, choose(facts), names)
  if (count > 0) log('keyVersionsDisabled', { rollover: row.pointer.rolloverId, count })
  return facts
}

/** Nobody is cut off later because a record takes long: `disable` says it again, and waits. */
const urgent = ({ why }: Run): boolean => rules[why].cut

type Entry = Parameters<Recorder['append']>[0]
type Kind = Entry['kind']
type Cause = Pick<Run, 'id' | 'why' | 'reason' | 'by'>
type More = { [K in 'versions' | 'proofs' | 'overridden']?: Entry[K] | undefined }

const to = (pointer: Held['pointer'], step: Step, more: Partial<Run> = {}): { pointer: Held['pointer'] } => ({
  pointer: { ...pointer, run: { ...pointer.run, ...more, step } },
})
