import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Secret } from '../../shared/secret.ts'
import { bindPassword } from './password.ts'
import { UsageError } from './program.ts'

const textOf = (secret: Secret) => secret.use((bytes) => bytes.toString('utf8'))

describe('from a file', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'password-'))
  })
  afterAll(() => rm(folder, { recursive: true }))
  async function file(content: string, mode = 0o600) {
    const path = join(folder, `${Math.random()}`)
    await writeFile(path, content, { mode })
    return path
  }

  test.each([
    ['Grüße 1', 'Grüße 1'],
    ['x\n', 'x'],
    ['x\r\n', 'x'],
    ['x\n\n', 'x\n'],
    [' x ', ' x '],
    ['', ''],
    ['\n', ''],
  ])('%j is %j', async (content, password) => {
    expect(textOf(await bindPassword(await file(content)))).toBe(password)
  })

  test('that others may read, or that is not there: refused, and its content not told', async () => {
    const open = await bindPassword(await file('hidden', 0o644)).catch((error: unknown) => error)
    expect(open).toBeInstanceOf(UsageError)
    expect(String(open)).toContain('chmod 600')
    expect(String(open)).not.toContain('hidden')
    await expect(bindPassword(join(folder, 'none'))).rejects.toThrow(UsageError)
  })
})

describe('typed', () => {
  /** Bytes as a terminal in raw mode delivers them. */
  function terminal(...keys: (string | Buffer)[]) {
    const raw: boolean[] = []
    const shown: string[] = []
    const stream = Readable.from(keys.map((each) => Buffer.from(each)))
    const keyboard = Object.assign(stream, { isTTY: true, setRawMode: (on: boolean) => void raw.push(on) })
    return { raw, shown, open: () => ({ keyboard, show: (text: string) => void shown.push(text) }) }
  }

  test.each([
    ['one key after the other', ['p', 'w', '\r'], 'pw'],
    ['pasted with a line end', ['pasted\nmore'], 'pasted'],
    ['corrected', ['pww\x7f', '\r'], 'pw'],
    ['corrected by a whole character', ['pü🙂\x7f\x7f', 'w\r'], 'pw'],
    ['corrected beyond the beginning', ['a\x08\x08\x08pw\r'], 'pw'],
    ['ended by the end of input', ['pw\x04'], 'pw'],
    ['a character in two pieces', [Buffer.from('ü').subarray(0, 1), Buffer.from('ü').subarray(1), '\r'], 'ü'],
  ])('%s', async (_, keys, password) => {
    const { raw, shown, open } = terminal(...keys)
    expect(textOf(await bindPassword(undefined, open))).toBe(password)
    expect(raw).toEqual([true, false])
    expect(shown).toEqual(['Password: ', '\n'])
  })

  test('interrupted: the terminal is as it was', async () => {
    const { raw, open } = terminal('pw\x03')
    await expect(bindPassword(undefined, open)).rejects.toThrow('interrupted')
    expect(raw).toEqual([true, false])
  })

  test('without a terminal nothing is asked', async () => {
    const { shown, open } = terminal('pw\r')
    const piped = () => ({ ...open(), keyboard: Readable.from([Buffer.from('pw\r')]) })
    await expect(bindPassword(undefined, piped)).rejects.toThrow('give --password-file')
    expect(shown).toEqual([])
  })
})
