/**
 * Package keys by the version that a message names, and a bound on what it costs when somebody names versions nobody made.
 *
 * Whoever can send to the queue can name any version before anything is authenticated. So only so many strangers a minute are
 * looked up; beyond that a version has to be on the vault's own list of enabled ones, read every two seconds at most. An
 * honest new version is on it: it opens under attack as well, two seconds after it was made at the latest.
 * A key is remembered as in shared/kept.ts; whoever holds one keeps it, whatever becomes of it here.
 */
import type { KeyObject } from 'node:crypto'
import type { Clock } from '../shared/clock.ts'
import type { PackageKey } from '../shared/envelope.ts'
import { kept, keptByName, keyKeeping, noKeyKeeping } from '../shared/kept.ts'

export interface PackageKeys {
  /** Undefined when there is no such enabled version, or nobody has time to look. */
  get(version: Buffer): Promise<PackageKey | undefined>
  /** The same for a version that the vault named itself. */
  listed(version: Buffer): Promise<PackageKey | undefined>
}

export interface PackageKeysDeps {
  /** By hex digits; undefined for none. KEY_UNAVAILABLE. */
  read(version: string): Promise<KeyObject | undefined>
  /** Every enabled version. KEY_UNAVAILABLE. */
  enabled(): Promise<readonly Buffer[]>
  clock: Clock
}

export const strangersPerMinute = 30
const listKeeping = { freshMs: 2_000, usableMs: 2_000 }
const maxKept = 64

export function openPackageKeys({ read, enabled, clock }: PackageKeysDeps): PackageKeys {
  const known = keptByName(clock, maxKept, (key: KeyObject | undefined) => (key ? keyKeeping : noKeyKeeping), read)
  const list = kept(clock, listKeeping, async () => new Set((await enabled()).map((version) => version.toString('hex'))))
  let minute = { since: clock.monotonic(), left: strangersPerMinute }

  function mayLookUp(): boolean {
    if (clock.monotonic() - minute.since >= 60_000) minute = { since: clock.monotonic(), left: strangersPerMinute }
    minute.left -= 1
    return minute.left >= 0
  }
  async function listed(version: Buffer): Promise<PackageKey | undefined> {
    const bytes = await known.get(version.toString('hex'))
    return bytes && { version: Buffer.from(version), bytes }
  }
  return {
    listed,
    async get(version) {
      const name = version.toString('hex')
      if (!known.has(name) && !mayLookUp() && !(await list.get()).has(name)) return undefined
      return listed(version)
    },
  }
}
