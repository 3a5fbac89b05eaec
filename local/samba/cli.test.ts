import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { anyAddress } from './controller.ts'

const nowhere = join(tmpdir(), `no-samba-here-${process.pid}`)
const script = fileURLToPath(new URL('./cli.ts', import.meta.url))

function samba(...args: string[]): Promise<{ code: number; output: string }> {
  const options = { env: { ...process.env, SAMBA_LAB_ROOT: nowhere } }
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], options, (error, output) => {
      resolve({ code: error === null ? 0 : Number(error.code), output })
    })
  })
}

test.each([
  [['--help'], 0, 'npm run samba -- <command>'],
  [[], 64, 'npm run samba -- <command>'],
  [['toString'], 64, 'npm run samba -- <command>'],
  [['stop', 'everything'], 64, 'npm run samba -- <command>'],
  [['status'], 1, `not installed in ${nowhere} (npm run samba -- install)`],
  [['start'], 1, 'Samba is not installed (npm run samba -- install)'],
  [['stop'], 0, 'nothing was running'],
])('samba %j: exit code %i', async (args, code, line) => {
  const ended = await samba(...args)
  expect(ended.output).toContain(line)
  expect(ended.code).toBe(code)
})

test('addresses are loopback and not always the same', () => {
  const addresses = Array.from({ length: 20 }, anyAddress)
  for (const address of addresses) expect(address).toMatch(/^127\.77\.\d{1,3}\.\d{1,3}$/)
  expect(new Set(addresses).size).toBeGreaterThan(15)
})
