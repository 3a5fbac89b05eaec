import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Secret } from '../../shared/secret.ts'
import { newPassphrase, protectByDpapi, protectBySystemd, type RunProgram, readPassphrase } from './passphrase.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'passphrase-'))
})
afterAll(() => rm(folder, { recursive: true }))

const textOf = (secret: Secret) => secret.use((bytes) => bytes.toString())

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text, { mode: 0o600 })
  return path
}

/** Stands for ProtectedData: what it protects it can open, by turning it round. Nothing else of Windows is pretended. */
function turning() {
  const calls: { program: string; args: readonly string[]; input: string }[] = []
  const run: RunProgram = async (program, args, input) => {
    calls.push({ program, args, input })
    return `${Buffer.from(input, 'base64').reverse().toString('base64')}\r\n`
  }
  return { calls, run }
}

describe('a passphrase', () => {
  it('stands in a file, without its line break', async () => {
    expect(textOf(await readPassphrase(await file('plain', 'pass word\r\n')))).toBe('pass word')
  })

  it("by a plain name is one of the service's systemd credentials", async () => {
    await file('certificate-passphrase', 'from systemd')
    expect(textOf(await readPassphrase('certificate-passphrase', { CREDENTIALS_DIRECTORY: folder }))).toBe('from systemd')
    await expect(readPassphrase('certificate-passphrase', {})).rejects.toThrow('CERTIFICATE_UNUSABLE: systemd gave no credentials')
    await expect(readPassphrase('other', { CREDENTIALS_DIRECTORY: folder })).rejects.toThrow('CERTIFICATE_UNUSABLE')
  })

  it('kept by DPAPI goes through standard input both ways, in the scope of the machine', async () => {
    const { calls, run } = turning()
    const passphrase = newPassphrase()
    const kept = await protectByDpapi(passphrase, { SystemRoot: 'D:\\W' }, run)
    expect(kept).toMatch(/^dpapi:[A-Za-z0-9+/]+=*\n$/)
    expect(textOf(await readPassphrase(await file('dpapi', kept), {}, run))).toBe(textOf(passphrase))
    expect(calls.map(({ program }) => program)).toEqual([
      'D:\\W\\System32\\WindowsPowerShell\\v1.0\\powershell.exe',
      'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe',
    ])
    const [protect = '', unprotect = ''] = calls.map(({ args }) => args.join(' '))
    expect(protect).toMatch(/ProtectedData\]::Protect\(\$bytes, \$entropy, 'LocalMachine'\)/)
    expect(unprotect).toContain('ProtectedData]::Unprotect(')
    for (const line of [protect, unprotect]) {
      expect(line).not.toContain(textOf(passphrase))
      expect(line).not.toContain(Buffer.from(textOf(passphrase)).toString('base64'))
    }
  })

  it('kept by systemd does, too', async () => {
    const { calls, run } = turning()
    await protectBySystemd(Secret.fromText('pass'), 'certificate-passphrase', '/etc/x.cred', run)
    expect(calls).toEqual([
      { program: 'systemd-creds', args: ['encrypt', '--name=certificate-passphrase', '-', '/etc/x.cred'], input: 'pass' },
    ])
  })

  it('that a program would not give is no passphrase; neither input nor its words are repeated', async () => {
    const path = await file('dpapi-here', 'dpapi:QUJD\n')
    await expect(readPassphrase(path, { SystemRoot: folder })).rejects.toThrow(/^CERTIFICATE_UNUSABLE: powershell.exe failed \(ENOENT\)$/)
  })

  it('is long, and another one each time', () => {
    expect(textOf(newPassphrase())).toMatch(/^[\w-]{43}$/)
    expect(textOf(newPassphrase())).not.toBe(textOf(newPassphrase()))
  })
})
