/**
 * GET /api/manage/keys: every version of the three keys and what it is for now, when they are rolled next, and the
 * evidence of what was done to them, verified anew with each call.
 */

import type { EvidenceRecord } from '../../shared/evidence.ts'
import type { Answer, Json } from '../http/problem.ts'
import type { Chain, Evidence } from '../keys/evidence.ts'
import type { KeyPointer } from '../keys/pointer.ts'
import { passwordKeyName, type Vault, type VersionFacts } from '../keys/vault.ts'

/** Versions older than this are rolled by the timer. */
export const rolledAfterMs = 182 * 24 * 3_600_000

export interface ManageKeysDeps {
  vault: Pick<Vault, 'secretVersions' | 'passwordKeyVersions'>
  /** As it is stored now; not what an instance remembers. */
  pointer(): Promise<KeyPointer | undefined>
  /** The rollover under way, if there is one. */
  run(): Promise<({ id: string } & { [name: string]: Json | undefined }) | undefined>
  evidence: Pick<Evidence, 'read'>
}

export const manageKeys =
  ({ vault, pointer, run, evidence }: ManageKeysDeps) =>
  async (): Promise<Answer> => {
    const [named, underWay, { records, chain }, packageKeys, passwordKeys, stateKeys] = await Promise.all([
      pointer(),
      run(),
      evidence.read(),
      vault.secretVersions('package-key'),
      vault.passwordKeyVersions(),
      vault.secretVersions('state-key'),
    ])
    const keys = [
      ...seen('package-key', packageKeys, named?.packageKey, underWay?.id),
      ...seen(passwordKeyName, passwordKeys, named?.passwordKey, underWay?.id),
      ...seen('state-key', stateKeys, named?.stateKey, underWay?.id),
    ]
    const oldest = Math.min(...keys.flatMap(({ state, createdAt }) => (state === 'current' ? createdAt : [])))
    const body: Body = { keys, run: underWay, history: records, chain }
    return { status: 200, body: Number.isFinite(oldest) ? { ...body, nextRolloverAt: oldest + rolledAfterMs } : body }
  }

type Body = { keys: SeenVersion[]; run: { [name: string]: Json | undefined } | undefined; history: EvidenceRecord[]; chain: Chain }
type State = 'current' | 'new' | 'old' | 'disabled'
type SeenVersion = { name: string; version: string; state: State; createdAt: number }

/** Newest first. */
function seen(name: string, versions: readonly VersionFacts[], current: string | undefined, run: string | undefined): SeenVersion[] {
  const currentAt = versions.find(({ version }) => version === current)?.createdAt ?? 0
  const stateOf = ({ version, enabled, createdAt, tags }: VersionFacts): State => {
    if (!enabled) return 'disabled'
    if (version === current) return 'current'
    // The vault counts whole seconds, so a run's own tag comes first.
    return (run !== undefined && tags['rollover'] === run) || createdAt > currentAt ? 'new' : 'old'
  }
  return versions
    .toSorted((a, b) => b.createdAt - a.createdAt)
    .map((facts) => ({ name, version: facts.version, state: stateOf(facts), createdAt: facts.createdAt }))
}
