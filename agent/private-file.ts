/** A file that only this account may read, made before anything that would make it with the process's umask. */
import { chmodSync, closeSync, openSync } from 'node:fs'

export function makePrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600))
  chmodSync(file, 0o600)
}
