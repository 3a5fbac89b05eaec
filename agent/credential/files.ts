/**
 * The certificate on disk, in up to three files, so that there is a usable one at every instant and after every crash:
 *
 *   certificate.pem        in use
 *   certificate.pem.next   made, and not yet proven to sign in
 *   certificate.pem.old    replaced, still registered: the way back until its successor has proven itself
 *
 *      C ──make──▶ C N ──keep──▶ C N O(=C) ──rename N to C──▶ C O ──forget──▶ C
 *
 * A file is complete before it has its name: written under another one, readable by this account alone from its first byte
 * (O_EXCL, mode 600), then linked or renamed.
 */
import { randomBytes } from 'node:crypto'
import { link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

export interface CertificateFiles {
  read(): Promise<{ current: string | undefined; next: string | undefined; old: string | undefined }>
  /** What to sign in by; a successor that cannot be read stands in nobody's way. */
  inUse(): Promise<{ current: string | undefined; old: string | undefined }>
  /** @throws EEXIST where there is a next one already. */
  addNext(pem: string): Promise<void>
  dropNext(): Promise<void>
  /** Next becomes current, current becomes old. */
  promote(): Promise<void>
  dropOld(): Promise<void>
}

export const nextOf = (file: string): string => `${file}.next`
export const oldOf = (file: string): string => `${file}.old`

export function certificateFiles(file: string): CertificateFiles {
  return {
    async read() {
      const [current, next, old] = await Promise.all([file, nextOf(file), oldOf(file)].map(textOf))
      return { current, next, old }
    },
    async inUse() {
      const [current, old] = await Promise.all([file, oldOf(file)].map(textOf))
      return { current, old }
    },
    async addNext(pem) {
      await clearUnfinished(file)
      await writeNew(nextOf(file), pem, file)
    },
    dropNext: () => rm(nextOf(file), { force: true }),
    async promote() {
      await link(file, oldOf(file)).catch(unless('EEXIST'))
      await rename(nextOf(file), file)
      await syncFolder(file)
    },
    async dropOld() {
      await rm(oldOf(file), { force: true })
    },
  }
}

/** Makes `path`, whole or not at all, for one account alone: that of `like`. @throws EEXIST where it is there already. */
export async function writeNew(path: string, text: string, like: string = path): Promise<void> {
  const unfinished = await writeUnfinished(path, text, like)
  try {
    await link(unfinished, path)
  } finally {
    await rm(unfinished, { force: true })
  }
  await syncFolder(path)
}

/** The same, in place of what is there. */
export async function replace(path: string, text: string): Promise<void> {
  const unfinished = await writeUnfinished(path, text)
  try {
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  await syncFolder(path)
}

async function writeUnfinished(path: string, text: string, like: string = path): Promise<string> {
  const unfinished = `${path}.${randomBytes(6).toString('hex')}.part`
  const file = await open(unfinished, 'wx', 0o600)
  try {
    // Made by root for an agent that runs as somebody else: whose the file is, or else the folder.
    const { uid, gid } = await stat(like).catch(() => stat(dirname(path)))
    if (process.getuid?.() === 0) await file.chown(uid, gid)
    await file.writeFile(text)
    await file.sync()
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  } finally {
    await file.close()
  }
  return unfinished
}

/** Of a crash in the middle of a write: they hold a key that nobody will ever use. */
async function clearUnfinished(file: string): Promise<void> {
  const unfinished = (await readdir(dirname(file))).filter((name) => name.startsWith(`${basename(file)}.`) && name.endsWith('.part'))
  await Promise.all(unfinished.map((name) => rm(join(dirname(file), name), { force: true })))
}

/** A name is safe from a power cut once its folder is; Windows has no such call and needs none. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r').catch(() => undefined)
  await folder?.sync().catch(() => {})
  await folder?.close()
}

const textOf = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(unless('ENOENT'))

const unless =
  (code: string) =>
  (error: unknown): undefined => {
    if (!(error instanceof Error && 'code' in error && error.code === code)) throw error
  }
