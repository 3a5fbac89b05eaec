/**
 * For tests: a fine-grained policy (PSO) for one person, written as the domain's administrator would. The agent's service account
 * cannot read it, as usual.
 */
import { Client } from 'ldapts'
import type { startDirectory } from '../../local/directory/directory.ts'

type Server = Pick<Awaited<ReturnType<typeof startDirectory>>, 'addresses' | 'forest'>

export async function addPolicyObject({ addresses, forest }: Server, ca: string, appliesTo: string, lockoutThreshold = 0): Promise<void> {
  const { baseDn, administrator, hostName } = forest
  const client = new Client({ url: addresses.ldaps, tlsOptions: { ca, servername: hostName } })
  await client.bind(administrator.dn, administrator.password)
  await client.add(`CN=strict,CN=Password Settings Container,CN=System,${baseDn}`, {
    objectClass: 'msDS-PasswordSettings',
    'msDS-PasswordSettingsPrecedence': '10',
    'msDS-PasswordReversibleEncryptionEnabled': 'FALSE',
    'msDS-MinimumPasswordLength': '40',
    'msDS-PasswordComplexityEnabled': 'TRUE',
    'msDS-PasswordHistoryLength': '0',
    'msDS-MinimumPasswordAge': '-600000000',
    'msDS-MaximumPasswordAge': '-9223372036854775808',
    'msDS-LockoutThreshold': String(lockoutThreshold),
    'msDS-LockoutObservationWindow': '-18000000000',
    'msDS-LockoutDuration': '-18000000000',
    'msDS-PSOAppliesTo': appliesTo,
  })
  await client.unbind()
}
