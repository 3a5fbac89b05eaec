import { Client } from 'ldapts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Secret } from '../../shared/secret.ts'
import { always, authority, fine, nothing, type Sample, startSample } from './directory.fixture.ts'

let sample: Sample
beforeEach(async () => {
  sample = await startSample()
})
afterEach(() => sample.close())

  test('a fine-grained policy that cannot be read is not replaced by the domain policy', async () => {
    const strict = { 'msDS-MinimumPasswordLength': '40', 'msDS-PasswordComplexityEnabled': 'TRUE', 'msDS-PasswordHistoryLength': '0' }
    await addPolicyObject({ ...strict, 'msDS-MinimumPasswordAge': '0' })
    expect(await sample.directory.policy(await sample.find('alice.adams'))).toBeUndefined()
    expect(await refusalOf('alice.adams', fine)).toEqual({ kind: 'policy.filter' })
    expect(await sample.directory.policy(await sample.find('bob.brown'))).toMatchObject({ minLength: 10, historyLength: 5, complexity: true })
  })

async function addPolicyObject(values: Record<string, string>): Promise<void> {
  const { baseDn, administrator } = sample.server.forest
  const client = new Client({ url: server.addresses.ldaps, tlsOptions: { ca: authority.ca } })
  await client.bind(administrator.dn, administrator.password)
  await client.add(`CN=strict,CN=Password Settings Container,CN=System,${baseDn}`, {
    objectClass: 'msDS-PasswordSettings',
    'msDS-PasswordSettingsPrecedence': '10',
    'msDS-PasswordReversibleEncryptionEnabled': 'FALSE',
    'msDS-MaximumPasswordAge': '-9223372036854775808',
    'msDS-LockoutThreshold': '0',
    'msDS-LockoutObservationWindow': '-18000000000',
    'msDS-LockoutDuration': '-18000000000',
    'msDS-PSOAppliesTo': sample.person('alice.adams').dn,
    ...values,
  })
  await client.unbind()
}

