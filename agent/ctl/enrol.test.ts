import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { lifetimeMs, readPrivate, readPublic } from '../credential/certificate.ts'
import { run } from './enrol.ts'
import { UsageError } from './program.ts'

const clientId = 'a1b2c3d4-0000-4000-8000-000000000002'
const tenantId = '7a0c9a0e-3f0b-4b57-8a35-52d0a4a0c1de'

let folder: string
let settingsFile: string
let certificateFile: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'enrol-'))
  settingsFile = join(folder, 'agent.json')
  certificateFile = join(folder, 'certificate.pem')
  await writeSettings({ clientId })
})
afterEach(() => rm(folder, { recursive: true }))

async function writeSettings(identity: object): Promise<void> {
  await writeFile(settingsFile, JSON.stringify({ tenantId, identity, journalFile: join(folder, 'journal.sqlite'), forests: 'as it was' }))
  await chmod(settingsFile, 0o640)
}

async function enrol(...args: string[]) {
  const [out, error]: [string[], string[]] = [[], []]
  const io = { print: (text: string) => void out.push(text), complain: (text: string) => void error.push(text), colour: false }
  return { code: await run(['--settings', settingsFile, ...args], io), out: out.join('\n'), error: error.join('\n') }
}
const text = (path: string) => readFile(path, 'utf8')
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)

describe('enrol', () => {
  it('makes key and certificate beside the journal, says how to register it, and enters it in the settings', async () => {
    const { code, out, error } = await enrol()
    expect([code, error]).toEqual([0, ''])
    const own = readPrivate(await text(certificateFile))
    const publicFile = join(folder, 'certificate.cer')
    expect(readPublic(await text(publicFile)).der).toEqual(own.der)
    expect(await text(publicFile)).not.toContain('PRIVATE')
    expect(own.notAfter - own.notBefore).toBe(lifetimeMs)
    expect(out).toContain(`az ad app credential reset --id ${clientId} --cert "@${publicFile}" --append`)
    expect(out).toContain(own.thumbprint)
    expect(out).not.toContain('PRIVATE')
    expect([await modeOf(certificateFile), await modeOf(publicFile), await modeOf(settingsFile)]).toEqual(['600', '644', '640'])
    const settings = JSON.parse(await text(settingsFile))
    expect(settings.identity).toEqual({ clientId, certificateFile })
    expect(Object.keys(settings)).toEqual(['tenantId', 'identity', 'journalFile', 'forests'])
    expect((await readdir(folder)).sort()).toEqual(['agent.json', 'certificate.cer', 'certificate.pem'])
  })

  it('never writes over a key: not a second time, not a successor, unless told to', async () => {
    await enrol()
    const first = await text(certificateFile)
    await expect(enrol()).rejects.toThrow(UsageError)
    expect((await enrol('--renew')).out).toContain('registers the new one itself')
    const next = await text(`${certificateFile}.next`)
    await expect(enrol('--renew')).rejects.toThrow(/--force/)
    expect(await text(`${certificateFile}.next`)).toBe(next)
    expect((await enrol('--renew', '--force')).code).toBe(0)
    const forced = await text(`${certificateFile}.next`)
    expect(forced).not.toBe(next)
    expect(await text(certificateFile)).toBe(first)
    expect(readPublic(await text(join(folder, 'certificate.cer'))).thumbprint).toBe(readPublic(forced).thumbprint)
  })

  it('leaves a client secret in use until the certificate is registered, and says how it then takes its place', async () => {
    const identity = { clientId, secretFile: '/etc/old-secret' }
    await writeSettings(identity)
    const own = join(folder, 'own.pem')
    const { code, out } = await enrol('--certificate', own)
    expect([code, JSON.parse(await text(settingsFile)).identity]).toEqual([0, identity])
    expect(out).toContain(`put into its "identity", in place of "secretFile": "certificateFile":"${own}"`)
    expect(out).not.toContain('delete')
  })

  it('encrypts the key where there is a passphrase', async () => {
    const passphraseFile = join(folder, 'passphrase')
    await writeFile(passphraseFile, 'pass', { mode: 0o600 })
    await writeSettings({ clientId, passphraseFile })
    await enrol()
    expect(await text(certificateFile)).toContain('ENCRYPTED PRIVATE KEY')
    expect(JSON.parse(await text(settingsFile)).identity).toEqual({ clientId, certificateFile, passphraseFile })
  })

  it('--dry-run makes nothing', async () => {
    const before = await text(settingsFile)
    expect((await enrol('--dry-run')).out).toMatch(/^Would make {3}.*certificate\.pem: RSA-2048, CN=password-writeback /)
    expect([await readdir(folder), await text(settingsFile)]).toEqual([['agent.json'], before])
  })
})

test.each([
  ['an unknown option', ['--nonsense']],
  ['something left over', ['more']],
  ['--force without --renew', ['--force']],
  ['--client without --upload', ['--client', clientId]],
  ['nothing to renew', ['--renew']],
  ['settings that are not there', ['--settings', 'none.json']],
])('wrong usage: %s', async (_, args) => {
  await expect(enrol(...args)).rejects.toThrow(UsageError)
  expect(await readdir(folder)).toEqual(['agent.json'])
})

test('settings that do not say who the agent is: each is named', async () => {
  await writeFile(settingsFile, JSON.stringify({ tenantId: 'x', identity: {} }))
  await expect(enrol()).rejects.toThrow(/\n {2}tenantId: .*\n {2}identity\.clientId: /)
})
