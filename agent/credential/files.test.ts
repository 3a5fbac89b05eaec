import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { certificateFiles, replace, writeNew } from './files.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certificate-'))
  file = join(folder, 'certificate.pem')
})
afterEach(() => rm(folder, { recursive: true }))

const modes = async () =>
  Object.fromEntries(
    await Promise.all((await readdir(folder)).map(async (name) => [name, ((await stat(join(folder, name))).mode & 0o777).toString(8)])),
  )

test('every file is for this account alone, whatever the umask allows', async () => {
  const before = process.umask(0)
  try {
    await writeNew(file, 'first')
    await certificateFiles(file).addNext('second')
    expect(await modes()).toEqual({ 'certificate.pem': '600', 'certificate.pem.next': '600' })
    await certificateFiles(file).promote()
    await writeFile(file, 'opened by hand')
    await chmod(file, 0o644)
    await replace(file, 'third')
    expect(await modes()).toEqual({ 'certificate.pem': '600', 'certificate.pem.old': '600' })
  } finally {
    process.umask(before)
  }
})

test('nothing is written over', async () => {
  await writeNew(file, 'first')
  await expect(writeNew(file, 'second')).rejects.toMatchObject({ code: 'EEXIST' })
  const files = certificateFiles(file)
  await files.addNext('second')
  await expect(files.addNext('third')).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await files.read()).toEqual({ current: 'first', next: 'second', old: undefined })
})

test('next becomes current, current old; what a crash left half-written is cleared away', async () => {
  const files = certificateFiles(file)
  await writeNew(file, 'first')
  await writeFile(`${file}.next.0123456789ab.part`, 'half')
  await files.addNext('second')
  expect(await readdir(folder)).toEqual(['certificate.pem', 'certificate.pem.next'])
  await files.promote()
  expect(await files.read()).toEqual({ current: 'second', next: undefined, old: 'first' })
  await files.dropOld()
  await files.dropOld()
  await files.dropNext()
  expect(await files.read()).toEqual({ current: 'second', next: undefined, old: undefined })
})

test('what takes the place of a file, or is to, belongs to whom that belongs to: root must not lock the agent out', async () => {
  await writeNew(file, 'first')
  const [uid, gid] = process.getuid?.() === 0 ? [4711, 4712] : [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  await chown(file, uid, gid)
  await replace(file, 'second')
  await certificateFiles(file).addNext('third')
  expect([await stat(file), await stat(`${file}.next`)]).toMatchObject([
    { uid, gid },
    { uid, gid },
  ])
})

test('what cannot take its place leaves nothing behind: it may hold a key', async () => {
  await mkdir(file)
  await expect(replace(file, 'secret')).rejects.toThrow()
  expect(await readdir(folder)).toEqual(['certificate.pem'])
})
