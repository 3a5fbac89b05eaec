/**
 * GET /api/manage/keys: every version of the three keys and what it is for now, when they are rolled next, and the
 * evidence of what was done to them, verified anew with each call.
 */
import type { EvidenceRecord } from '../../shared/evidence.ts'
import type { Answer } from '../http/problem.ts'
import type { Chain, Evidence } from '../keys/evidence.ts'
import type { KeyPointer } from '../keys/pointer.ts'
import { maxKeyAgeMs } from '../keys/rollover.ts'
import type { ShownRun } from '../keys/run.ts'
import { passwordKeyName, type Vault, type VersionFacts } from '../keys/vault.ts'

export interface ManageKeysDeps {
  vault: Pick<Vault, 'secretVersions' | 'passwordKeyVersions'>
  /** As it is stored now; not what an instance remembers. */
  pointer(): Promise<KeyPointer | undefined>
  /** The run under way, or the last one. */
  run(): Promise<ShownRun | undefined>
  evidence: Pick<Evidence, 'read'>
}

export const manageKeys =
  ({ vault, pointer, run, evidence }: ManageKeysDeps) =>
  async (): Promise<Answer> => {
    const [named, lastRun, { records, chain }, packageKeys, passwordKeys, stateKeys] = await Promise.all([
      pointer(),
      run(),
      evidence.read(),
      vault.secretVersions('package-key'),
      vault.passwordKeyVersions(),
      vault.secretVersions('state-key'),
    ])
    const keys = [
      ...seen('package-key', packageKeys, named?.packageKey, lastRun?.id),
      ...seen(passwordKeyName, passwordKeys, named?.passwordKey, lastRun?.id),
      ...seen('state-key', stateKeys, named?.stateKey, lastRun?.id),
    ]
    const oldest = Math.min(...keys.flatMap(({ state, createdAt }) => (state === 'current' ? createdAt : [])))
    const body: Body = { keys, run: lastRun, history: records, chain }
    return { status: 200, body: Number.isFinite(oldest) ? { ...body, nextRolloverAt: oldest + maxKeyAgeMs } : body }
  }

type Body = { keys: SeenVersion[]; run: ShownRun | undefined; history: EvidenceRecord[]; chain: Chain }
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
