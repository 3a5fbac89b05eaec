/**
 * The password of a bind: from a file that only its owner may read, or typed without being shown. Never from the command line,
 * which everybody on the machine can read, nor from the environment, which children inherit.
 */
import { readFileSync } from 'node:fs'
import { Secret } from '../../shared/secret.ts'
import { isOpenToOthers } from '../settings.ts'
import { UsageError } from './program.ts'

/** A terminal, as far as this file needs one; `process.stdin` is one. */
export interface Keyboard extends AsyncIterable<Buffer> {
  isTTY?: boolean
  setRawMode?(raw: boolean): unknown
}

export interface Terminal {
  keyboard: Keyboard
  /** Shows the question; standard error, so that redirected output stays clean. */
  show(text: string): void
}

/** Made when it is asked for: touching standard input opens it. */
const standardTerminal = (): Terminal => ({ keyboard: process.stdin, show: (text) => void process.stderr.write(text) })

/** @throws UsageError if there is neither a file that is private nor a terminal. */
export async function bindPassword(file: string | undefined, openTerminal: () => Terminal = standardTerminal): Promise<Secret> {
  if (file !== undefined) return fromFile(file)
  const terminal = openTerminal()
  if (terminal.keyboard.isTTY !== true) throw new UsageError('no terminal to ask on: give --password-file')
  return ask('Password: ', terminal)
}

function fromFile(path: string): Secret {
  try {
    if (!isOpenToOthers(path)) return withoutLineEnd(readFileSync(path))
  } catch {
    throw new UsageError('--password-file: the file cannot be read')
  }
  throw new UsageError('--password-file: the file must be readable by its owner alone (chmod 600)')
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

function withoutLineEnd(bytes: Buffer): Secret {
  const cut = bytes.at(-1) === lineFeed ? (bytes.at(-2) === carriageReturn ? 2 : 1) : 0
  return new Secret(bytes.subarray(0, bytes.length - cut))
}

const interrupt = 0x03
const endOfInput = 0x04
const erasing = [0x08, 0x7f]

async function ask(question: string, { keyboard, show }: Terminal): Promise<Secret> {
  show(question)
  keyboard.setRawMode?.(true) // no echo, and every key at once
  try {
    return new Secret(await typedLine(keyboard))
  } finally {
    keyboard.setRawMode?.(false)
    show('\n')
  }
}

async function typedLine(keyboard: Keyboard): Promise<Buffer> {
  const typed: number[] = []
  for await (const keys of keyboard) {
    for (const key of keys) {
      if (key === carriageReturn || key === lineFeed || key === endOfInput) return Buffer.from(typed)
      if (key === interrupt) throw new UsageError('interrupted')
      if (erasing.includes(key)) erase(typed)
      else typed.push(key)
    }
  }
  return Buffer.from(typed)
}

/** One character: a byte that is not the continuation of one (RFC 3629 section 3), and what continues it. */
function erase(typed: number[]): void {
  while (((typed.pop() ?? 0) & 0xc0) === 0x80);
}
