import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { corpDn, type Forests, startForests } from './scope.fixture.ts'

const script = fileURLToPath(new URL('./main.ts', import.meta.url))
/** More than a pipe and the streams at its ends hold. */
const crowd = 5000

let forests: Forests
let settings: string
beforeAll(async () => {
  forests = await startForests({ crowd })
  settings = await forests.settings([{ name: 'people', forest: 'corp', baseDn: corpDn }])
})
afterAll(() => forests.close())

function start(...args: string[]) {
  const child = spawn(process.execPath, [script, 'scope', '--settings', settings, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = Promise.all([once(child, 'close'), text(child.stderr)]).then(([[code], said]) => ({ code, said }))
  return { child, ended }
}

const interrupted = { code: 1, said: 'Interrupted: the report is not complete.\n' }

test('to a pipe: all of it', async () => {
  const { child, ended } = start()
  const lines = (await text(child.stdout)).split('\r\n')
  expect(await ended).toMatchObject({ code: 0, said: expect.stringMatching(/^inScope +50\d\d$/m) })
  expect(new Set(lines).size).toBe(lines.length)
  expect(lines.filter((line) => line.includes('person00'))).toHaveLength(crowd)
})

test('a reader that stops reading stops the search; Ctrl-C ends it', async () => {
  const { child, ended } = start()
  await once(child.stdout, 'readable')
  child.kill('SIGINT')
  child.stdout.resume()
  expect(await ended).toEqual(interrupted)
})

test('a reader that goes away ends it', async () => {
  const { child, ended } = start()
  await once(child.stdout, 'readable')
  child.stdout.destroy()
  expect(await ended).toEqual(interrupted)
})

test('Ctrl-C while the directory does not answer: no file, and nothing beside it', async () => {
  const before = await readdir(forests.folder)
  forests.corp.control.fault({ kind: 'hang', operation: 'search' })
  const { child, ended } = start('--out', join(forests.folder, 'report'))
  await forests.corp.control.whenHeld()
  child.kill('SIGINT')
  expect(await ended).toEqual(interrupted)
  forests.corp.control.clearFaults()
  expect(await readdir(forests.folder)).toEqual(before)
})
