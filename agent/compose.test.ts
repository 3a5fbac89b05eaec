import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { passphraseOf } from './compose.ts'

test('a passphrase that could not be read is read again, and then once: a fault at the start is not one for good', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'compose-'))
  try {
    const passphraseFile = join(folder, 'passphrase')
    const passphrase = passphraseOf({
      identity: { clientId: '', authority: '', graphUrl: '', certificateFile: 'c', passphraseFile },
    })
    await expect(passphrase()).rejects.toThrow('CERTIFICATE_UNUSABLE')
    await writeFile(passphraseFile, 'pass')
    const first = await passphrase()
    expect(first?.use(String)).toBe('pass')
    expect(await passphrase()).toBe(first)
  } finally {
    await rm(folder, { recursive: true })
  }
})
