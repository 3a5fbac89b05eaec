/** Whatever a vault answers: what was asked for in its one form, none, or KEY_UNAVAILABLE. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isFault } from '../../shared/fault.ts'
import { type HostileVault, startHostileVault, vaultAnswers } from '../../test/hostile-vault.ts'
import { isVersion, openVault, type Vault } from './vault.ts'

let hostile: HostileVault
let vault: Vault
beforeAll(async () => {
  hostile = await startHostileVault()
  const { url, tenant } = hostile
  vault = openVault({ url, credential: tenant.managedIdentity(), local: { ca: tenant.tls.ca } })
})
afterAll(() => hostile.close())

const unlessAway = <T>(work: Promise<T>): Promise<T | undefined> =>
  work.catch((error: unknown) => {
    expect(isFault(error, 'KEY_UNAVAILABLE'), String((error as Error)?.stack)).toBe(true)
    return undefined
  })

test('answers of any status and body', async () => {
  const version = '0'.repeat(32)
  let read = 0
  await fc.assert(
    fc.asyncProperty(vaultAnswers, async (answers) => {
      hostile.answer(answers)
      const secret = await unlessAway(vault.secret('package-key', version))
      if (secret) expect(secret.symmetricKeySize).toBe(32)
      const key = await unlessAway(vault.passwordPublicKey(version))
      if (key) expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048)
      read += Number(secret !== undefined) + Number(key !== undefined)
      await unlessAway(vault.secretVersions('state-key'))
      await unlessAway(vault.newestEnabledSecretVersion('state-key'))
      const made = await unlessAway(vault.createSecretVersion('state-key', {}))
      if (made !== undefined) expect(isVersion(made)).toBe(true)
    }),
    { numRuns: 100 },
  )
  expect(read).toBeGreaterThan(20)
})
