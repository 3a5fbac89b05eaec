/**
 * Writes the answers: every file whole or not at all, readable by its owner alone (settings that were there: by whom they
 * were), the settings last; what the settings file held is kept beside it. As long as nothing has been renamed, a failure leaves everything as it was.
 *
 * Run by root, files go to whom the file they replace belonged to, else to whom the folder belongs to: an agent that may not
 * read its own settings would not start.
 */
import { randomBytes } from 'node:crypto'
import { chmod, chown, copyFile, constants as fs, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, win32 } from 'node:path'
import type { Secret } from '../../../shared/secret.ts'
import type { Json } from './settings-edit.ts'

export interface ToSave {
  file: string
  /** What it held when the wizard began; undefined: it was not there. */
  found: string | undefined
  settings: Json
  /** Path to what belongs there. */
  secrets: ReadonlyMap<string, Secret>
  now: number
}

/** The settings file is not what it was when the wizard began: somebody else edits it, too. */
export class ChangedMeanwhile extends Error {
  override readonly name = 'ChangedMeanwhile'
}

export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

/** @returns the backup's name, if there was something to keep. */
export async function save({ file, found, settings, secrets, now }: ToSave): Promise<string | undefined> {
  const prepared: { temporary: string; target: string }[] = []
  try {
    for (const [path, secret] of secrets) prepared.push(await secret.use((bytes) => prepare(path, bytes)))
    const written = await prepare(file, Buffer.from(`${JSON.stringify(settings, null, 2)}\n`))
    prepared.push(written)
    if ((await readIfThere(file)) !== found) throw new ChangedMeanwhile('the settings file was changed meanwhile')
    const backup = found === undefined ? undefined : await keep(file, now)
    // It holds no secret, and may be read by the agent as one of its group.
    if (found !== undefined) await chmod(written.temporary, (await stat(file)).mode & 0o777)
    for (const { temporary, target } of prepared) await rename(temporary, target)
    return backup
  } catch (error) {
    for (const { temporary } of prepared) await rm(temporary, { force: true })
    throw error
  }
}

async function prepare(path: string, bytes: Buffer): Promise<{ temporary: string; target: string }> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const target = await realpath(path).catch(() => path)
  const temporary = `${target}.${randomBytes(6).toString('hex')}`
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await giveTo(await stat(target).catch(() => stat(dirname(target))), temporary)
  return { temporary, target }
}

async function giveTo({ uid, gid }: { uid: number; gid: number }, path: string): Promise<void> {
  if (process.getuid?.() === 0) await chown(path, uid, gid)
}

async function keep(file: string, now: number): Promise<string> {
  const backup = `${file}.${new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`
  await copyFile(file, backup, fs.COPYFILE_EXCL)
  await chmod(backup, 0o600)
  await giveTo(await stat(file), backup)
  return backup
}

/** What is made under ProgramData or the root of a drive may be read by everybody who signs in there: who closes it is an administrator. */
export function openFolders(files: readonly string[], platform: NodeJS.Platform): string[] {
  if (platform !== 'win32') return []
  const folders = new Set(files.map((file) => win32.dirname(file)))
  // SYSTEM and Administrators, whatever they are called in the language of the machine.
  const grants = '/grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F "ACCOUNT:(OI)(CI)M"'
  return [
    'Close what lies there to others, where that is not done yet (ACCOUNT: the one the agent runs as):',
    ...[...folders].map((folder) => `  icacls "${folder}" /inheritance:r ${grants}`),
  ]
}
