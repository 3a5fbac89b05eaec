import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { coreDumpsOn } from './core-dumps.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'limits-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const limits = (core: string) => {
  const file = join(folder, 'limits')
  writeFileSync(file, `Limit                     Soft Limit           Hard Limit           Units     \n${core}`)
  return file
}

test.each([
  ['unlimited', 'Max core file size        unlimited            unlimited            bytes     \n', true],
  ['some bytes', 'Max core file size        1024                 unlimited            bytes     \n', true],
  ['off', 'Max core file size        0                    unlimited            bytes     \n', false],
  ['a system that has no such limit', '', false],
])('core dumps: %s', (_, text, on) => {
  expect(coreDumpsOn(limits(text))).toBe(on)
})

test('where there is no such file there is nothing to say', () => {
  expect(coreDumpsOn(join(folder, 'none'))).toBe(false)
})

// What LimitCORE=0 does, as a shell does it; elsewhere than on Linux there is no such file, and the answer is the same.
test('a process under a limit of 0 writes none', () => {
  const code = `import(${JSON.stringify(new URL('core-dumps.ts', import.meta.url).href)}).then(({ coreDumpsOn }) => console.log(coreDumpsOn()))`
  expect(execFileSync('sh', ['-c', 'ulimit -c 0; exec "$0" -e "$1"', process.execPath, code], { encoding: 'utf8' })).toBe('false\n')
})
