/**
 * Where a report goes that is too large for memory: standard output, or a file that is there whole or not at all.
 *
 * `write` resolves when the next may come, so a slow reader slows the search down. The file lies under another name, readable
 * by its owner alone, until it is complete.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { open, rename, rm } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { UsageError } from './program.ts'

export interface Sink {
  write(text: string): Promise<void>
  finish(): Promise<void>
  /** What was written to standard output stays written; of a file nothing stays. */
  discard(): Promise<void>
}

export async function fileSink(path: string): Promise<Sink> {
  const unfinished = `${path}.${randomBytes(6).toString('hex')}.part`
  const file = await open(unfinished, 'wx', 0o600).catch(() => {
    throw new UsageError('--out: the file cannot be written there')
  })
  return {
    write: async (text) => void (await file.writeFile(text)),
    async finish() {
      await file.sync()
      await file.close()
      await rename(unfinished, path)
    },
    async discard() {
      await file.close()
      await rm(unfinished, { force: true })
    },
  }
}

/** A name must not steer the terminal it is shown on. */
const withoutControls = (text: string): string => text.replaceAll(/[^\P{Cc}\r\n]/gu, '\ufffd')

/** Throws when the reader goes away (EPIPE) and when `signal` says so. */
export function streamSink(stream: Writable & { isTTY?: boolean }, signal: AbortSignal): Sink {
  let broken: Error | undefined
  stream.on('error', (error) => {
    broken = error
  })
  return {
    async write(text) {
      if (broken) throw broken
      if (!stream.write(stream.isTTY ? withoutControls(text) : text)) await once(stream, 'drain', { signal })
    },
    finish: async () => undefined,
    discard: async () => undefined,
  }
}
