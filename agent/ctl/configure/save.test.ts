import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Secret } from '../../../shared/secret.ts'
import { ChangedMeanwhile, openFolders, readIfThere, save } from './save.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'save-'))
})
afterEach(() => rm(folder, { recursive: true }))

const now = Date.UTC(2026, 10, 28, 1, 2, 3)
const modeOf = async (path: string) => (await stat(path)).mode & 0o777
const secretsIn = (path: string) => new Map([[path, Secret.fromText('pw')]])

test('from nothing: folder, settings and password are there, for their owner alone', async () => {
  const inner = join(folder, 'new')
  const file = join(inner, 'agent.json')
  const umask = process.umask(0)
  try {
    expect(await save({ file, found: undefined, settings: { a: 1 }, secrets: secretsIn(join(inner, 'pw')), now })).toBeUndefined()
  } finally {
    process.umask(umask)
  }
  expect(await readFile(file, 'utf8')).toBe('{\n  "a": 1\n}\n')
  expect(await readFile(join(inner, 'pw'), 'utf8')).toBe('pw')
  expect(await Promise.all([modeOf(inner), modeOf(file), modeOf(join(inner, 'pw'))])).toEqual([0o700, 0o600, 0o600])
  expect(await readdir(inner)).toEqual(['agent.json', 'pw'])
})

test('what the settings file held is kept to the byte, and who may read it: it may be root’s, read by the agent’s group', async () => {
  const file = join(folder, 'agent.json')
  const found = '{"a":1}  '
  await writeFile(file, found, { mode: 0o644 })
  const backup = await save({ file, found, settings: { a: 2 }, secrets: new Map(), now })
  expect(backup).toBe(`${file}.20261128T010203Z`)
  expect(await readFile(backup ?? '', 'utf8')).toBe(found)
  expect(await Promise.all([modeOf(file), modeOf(backup ?? '')])).toEqual([0o644, 0o600])
})

test('changed by somebody else meanwhile, or gone, or come: nothing is written, and nothing left behind', async () => {
  const file = join(folder, 'agent.json')
  await writeFile(file, '{"b":1}')
  for (const found of ['{"a":1}', undefined]) {
    const saving = save({ file, found, settings: {}, secrets: secretsIn(join(folder, 'pw')), now })
    await expect(saving).rejects.toThrow(ChangedMeanwhile)
  }
  await expect(save({ file: join(folder, 'gone.json'), found: '{}', settings: {}, secrets: new Map(), now })).rejects.toThrow(
    ChangedMeanwhile,
  )
  expect(await readdir(folder)).toEqual(['agent.json'])
  expect(await readFile(file, 'utf8')).toBe('{"b":1}')
})

test('a secret that cannot be written leaves everything as it was', async () => {
  const file = join(folder, 'agent.json')
  await writeFile(file, '{}')
  await writeFile(join(folder, 'plain'), '')
  await chmod(file, 0o600)
  const secrets = new Map([...secretsIn(join(folder, 'good')), ...secretsIn(join(folder, 'plain', 'pw'))])
  await expect(save({ file, found: '{}', settings: { a: 1 }, secrets, now })).rejects.toThrow(/ENOTDIR|EEXIST/)
  expect((await readdir(folder)).sort()).toEqual(['agent.json', 'plain'])
  expect(await readIfThere(file)).toBe('{}')
})

test('on Windows modes mean nothing: how each folder is closed is said', () => {
  const folder = 'C:\\ProgramData\\password-writeback'
  const files = [`${folder}\\agent.json`, `${folder}\\corp-password`, 'D:\\keys\\north-password']
  expect(openFolders(files, 'linux')).toEqual([])
  const grants = '/inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F "ACCOUNT:(OI)(CI)M"'
  expect(openFolders(files, 'win32').slice(1)).toEqual([`  icacls "${folder}" ${grants}`, `  icacls "D:\\keys" ${grants}`])
})
