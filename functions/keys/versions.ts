/**
 * The versions of the three keys in the vault: made for a run, found again by its tag, disabled when nobody names them.
 *
 * A version carries the run that made it as the tag `rollover`. A create whose answer was lost is therefore found by the
 * next try, and nothing is made twice but what was in doubt at that moment; the twin is disabled with the rest.
 */
import type { KeyName, Versions } from './run.ts'
import type { Vault, VersionFacts } from './vault.ts'

export type Facts = Record<KeyName, VersionFacts[]>
export type Named = Partial<Record<KeyName, string | undefined>>

interface InVault {
  list(vault: Vault): Promise<VersionFacts[]>
  make(vault: Vault, rollover: string): Promise<string>
  disable(vault: Vault, version: string): Promise<void>
}

const secret = (name: 'package-key' | 'state-key'): InVault => ({
  list: (vault) => vault.secretVersions(name),
  make: (vault, rollover) => vault.createSecretVersion(name, { rollover }),
  disable: (vault, version) => vault.disableSecretVersion(name, version),
})

/** In the order in which a run makes them. */
const inVault: Record<KeyName, InVault> = {
  stateKey: secret('state-key'),
  passwordKey: {
    list: (vault) => vault.passwordKeyVersions(),
    make: (vault, rollover) => vault.createPasswordKeyVersion({ rollover }),
    disable: (vault, version) => vault.disablePasswordKeyVersion(version),
  },
  packageKey: secret('package-key'),
}

export async function listVersions(vault: Vault): Promise<Facts> {
  const [stateKey, passwordKey, packageKey] = await Promise.all([
    inVault.stateKey.list(vault),
    inVault.passwordKey.list(vault),
    inVault.packageKey.list(vault),
  ])
  return { stateKey, passwordKey, packageKey }
}

/** What an earlier try of the same run made is used; of two, the newest, which agents prove in any case. */
export async function makeVersions<K extends KeyName>(vault: Vault, rollover: string, names: readonly K[]): Promise<Pick<Versions, K>> {
  const facts = await listVersions(vault)
  const made: Partial<Versions> = {}
  for (const name of ofRun(names)) {
    const found = facts[name].filter((each) => isOf(rollover, each)).toSorted((a, b) => b.createdAt - a.createdAt)[0]
    made[name] = found?.version ?? (await inVault[name].make(vault, rollover))
  }
  return made as Pick<Versions, K>
}

const ofRun = (names: readonly KeyName[]) => (Object.keys(inVault) as KeyName[]).filter((name) => names.includes(name))
const isOf = (rollover: string, { enabled, tags }: VersionFacts) => enabled && tags['rollover'] === rollover

/** The enabled versions that a run made and that are not named. */
export const madeBy = (rollover: string, facts: Facts): Facts => filtered(facts, (_, each) => isOf(rollover, each))

/** The enabled versions that are not named. */
export const unnamed = (named: Named, facts: Facts): Facts =>
  filtered(facts, (name, { enabled, version }) => enabled && version !== named[name])

const filtered = (facts: Facts, keep: (name: KeyName, each: VersionFacts) => boolean): Facts => ({
  stateKey: facts.stateKey.filter((each) => keep('stateKey', each)),
  passwordKey: facts.passwordKey.filter((each) => keep('passwordKey', each)),
  packageKey: facts.packageKey.filter((each) => keep('packageKey', each)),
})

/** Answers how many. */
export async function disableVersions(vault: Vault, facts: Facts, names: readonly KeyName[]): Promise<number> {
  let count = 0
  for (const name of ofRun(names)) {
    for (const { version } of facts[name]) {
      await inVault[name].disable(vault, version)
      count += 1
    }
  }
  return count
}
