/**
 * The lock on the vault is inherited: while it is there, Azure refuses to take away a right on a key or a secret (ScopeLocked). It is
 * lifted for that moment and put back. The state file remembers it meanwhile: if this breaks off, the next run puts it back.
 */
import type { Json } from './az.ts'
import { type Given, groupOf, inSubscription } from './command.ts'
import type { State } from './state.ts'

type Lock = State['lifted'][number]

export const isInVault = (id: string): boolean => /\/providers\/Microsoft\.KeyVault\/vaults\//i.test(id)

export async function withVaultUnlocked(given: Pick<Given, 'az' | 'state' | 'values'>, work: () => Promise<void>): Promise<void> {
  const { az, state, values } = given
  const found: Json[] = (await az.read(['lock', 'list', '--resource-group', groupOf(values), ...inSubscription(given)])) ?? []
  const there = found.filter(({ id }) => isInVault(id))
  const gone = state.read().lifted.filter(({ name }) => !there.some((each) => each.name === name))
  const locks = [...gone, ...there.map(lockOf)]
  remember(given, locks)
  for (const { id } of there) await az.write(['lock', 'delete', '--ids', id])
  await work()
  for (const { name, level, notes, vault } of locks)
    await az.write([
      ...['lock', 'create', '--name', name, '--lock-type', level, '--notes', notes, '--resource-group', groupOf(values)],
      ...['--resource', vault, '--resource-type', 'Microsoft.KeyVault/vaults', ...inSubscription(given)],
    ])
  remember(given, [])
}

function remember({ az, state }: Pick<Given, 'az' | 'state'>, locks: Lock[]): void {
  if (az.dryRun) return
  state.change((current) => {
    current.lifted = locks
  })
}

const lockOf = ({ id, name, level, notes }: Json): Lock => ({
  ...{ name, level, notes: notes ?? '' },
  vault: /\/vaults\/([^/]+)/i.exec(id)?.[1] ?? '',
})
