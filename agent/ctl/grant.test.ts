import { expect, test } from 'vitest'
import { run } from './grant.ts'
import { UsageError } from './program.ts'

async function shown(...args: string[]) {
  const out: string[] = []
  const io = { print: (text: string) => void out.push(text), complain: () => expect.unreachable(), colour: false }
  expect(await run(args, io)).toBe(0)
  return out.join('\n')
}

const unit = 'OU=People,DC=corp,DC=example,DC=com'

test('three ways, without a connection, for an account by its name', async () => {
  const text = await shown('--account', 'svc-writeback', '--on', unit)
  expect(text.match(/^ {2}dsacls .*$/gm)).toEqual([
    `  dsacls "${unit}" /I:S /G "svc-writeback@corp.example.com:CA;Reset Password;user"`,
    `  dsacls "${unit}" /I:S /G "svc-writeback@corp.example.com:CA;Change Password;user"`,
    `  dsacls "${unit}" /I:S /G "svc-writeback@corp.example.com:WP;lockoutTime;user"`,
    `  dsacls "${unit}" /I:S /G "svc-writeback@corp.example.com:WP;pwdLastSet;user"`,
  ])
  expect(text.match(/'(ExtendedRight|WriteProperty)', 'Allow', \[guid\]'[0-9a-f-]{36}', 'Descendents'/g)).toHaveLength(4)
  expect(text).toContain("NTAccount]::new('svc-writeback').Translate")
  expect(text.match(/^ {2}\(OA;CIIO;.*;SID-OF-THE-ACCOUNT\)$/gm)).toHaveLength(4)
})

test('by SID, by DN, by DOMAIN\\name', async () => {
  const bySid = await shown('--account', 'S-1-5-21-1-2-3-1104', '--on', unit)
  expect(bySid).toContain('(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;bf967aba-0de6-11d0-a285-00aa003049e2;S-1-5-21-1-2-3-1104)\n')
  expect(bySid).toContain('"DOMAIN\\account:CA;Reset Password;user"')
  expect(bySid).toContain("SecurityIdentifier]::new('S-1-5-21-1-2-3-1104')")
  expect(await shown('--account', "CN=O'Neil,DC=corp,DC=example,DC=com", '--on', unit)).toContain(
    "(Get-ADObject -Identity 'CN=O''Neil,DC=corp,DC=example,DC=com' -Properties objectSid).objectSid",
  )
  expect(await shown('--account', 'CORP\\svc', '--on', unit)).toContain('"CORP\\svc:WP;pwdLastSet;user"')
})

test('names that would end a string or a command do not', async () => {
  const text = await shown('--account', 'svc', '--on', 'OU=a\\"b & %PATH% ’x$(y),DC=corp,DC=test')
  expect(text).toContain('dsacls "OU=a\\22b & \\25PATH\\25 ’x$(y),DC=corp,DC=test" /I:S')
  expect(text).toContain(`$path = 'AD:\\OU=a\\"b & %PATH% ’’x$(y),DC=corp,DC=test'`)
})

test('taking away, and the fine-grained policies', async () => {
  const text = await shown('--account', 'S-1-5-21-1-2-3-1104', '--on', unit, '--revoke', '--fine-grained-policies')
  expect(text.match(/RemoveAccessRuleSpecific/g)).toHaveLength(5)
  expect(text).not.toContain('/G')
  expect(text).toContain('(A;CI;LCRPLORC;;;S-1-5-21-1-2-3-1104)')
  expect(text).toContain("'AD:\\CN=Password Settings Container,CN=System,DC=corp,DC=example,DC=com'")
})

test('--help shows every option', async () => {
  const text = await shown('--help')
  for (const option of ['account', 'on', 'revoke', 'apply', 'dry-run', 'server', 'ca-file', 'address', 'bind-dn', 'password-file']) {
    expect(text).toContain(`--${option} `)
  }
})

test.each([
  ['nothing', []],
  ['no place', ['--account', 'a']],
  ['no account', ['--on', unit]],
  ['an unknown option', ['--account', 'a', '--on', unit, '--nonsense']],
  ['a password on the command line', ['--account', 'a', '--on', unit, '--apply', '--password', 'x']],
  ['something left over', ['--account', 'a', '--on', unit, 'more']],
  ['a place that is no DN', ['--account', 'a', '--on', 'People']],
  ['a place outside any domain', ['--account', 'a', '--on', 'OU=People']],
  ['a line break in a name', ['--account', 'a\nb', '--on', unit]],
  ['a quote in a name', ['--account', 'a"b', '--on', unit]],
  ['--dry-run without --apply', ['--account', 'a', '--on', unit, '--dry-run']],
  ['--apply without a server', ['--account', 'a', '--on', unit, '--apply']],
  ['a server without a bind', ['--account', 'a', '--on', unit, '--server', 'ldaps://dc1']],
  ['clear text', ['--account', 'a', '--on', unit, '--server', 'ldap://dc1', '--bind-dn', 'a']],
  ['an address that is none', ['--account', 'a', '--on', unit, '--server', 'ldaps://dc1', '--bind-dn', 'a', '--address', 'x']],
  ['an authority that is not there', ['--account', 'a', '--on', unit, '--server', 'ldaps://dc1', '--bind-dn', 'a', '--ca-file', 'no.pem']],
  ['an authority that is none', ['--account', 'a', '--on', unit, '--server', 'ldaps://dc1', '--bind-dn', 'a', '--ca-file', 'package.json']],
])('wrong usage: %s', async (_, args) => {
  const io = { print: () => expect.unreachable(), complain: () => expect.unreachable(), colour: false }
  await expect(run(args, io)).rejects.toThrow(UsageError)
})
