import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { agentctl } from './agentctl.ts'
import type { Io } from './program.ts'

const script = fileURLToPath(new URL('./main.ts', import.meta.url))

/** As a process of its own, with nothing to read from. */
function run(args: readonly string[], environment: Record<string, string> = {}) {
  const options = { env: { ...process.env, ...environment } }
  return new Promise<{ code: number; out: string; error: string }>((resolve) => {
    execFile(process.execPath, [script, ...args], options, (failure, out, error) => {
      resolve({ code: failure === null ? 0 : Number(failure.code), out, error })
    }).stdin?.end()
  })
}

/** In this process. */
async function told(args: readonly string[]) {
  const [out, error]: [string[], string[]] = [[], []]
  const io: Io = { print: (text) => void out.push(text), complain: (text) => void error.push(text), colour: false }
  return { code: await agentctl(args, io), out: out.join('\n'), error: error.join('\n') }
}

const unit = ['--account', 'svc', '--on', 'OU=People,DC=corp,DC=test']

test.each([
  [['--help'], 0, 'agentctl <subcommand> [options]'],
  [[], 64, 'agentctl <subcommand> [options]'],
  [['toString'], 64, 'agentctl <subcommand> [options]'],
  [['grant', '--help'], 0, 'agentctl grant --account NAME --on DN'],
  [['grant', ...unit], 0, 'dsacls "OU=People,DC=corp,DC=test"'],
])('agentctl %j: exit code %i', async (args, code, out) => {
  expect(await told(args)).toEqual({ code, out: expect.stringContaining(out), error: '' })
})

test.each([
  [['grant'], '--account and --on are needed'],
  [['configure', '--settings', 'none.json'], 'no terminal to ask on'],
  [['configure', '--settings', 'none.json', '--yes'], '--tenant-id'],
  [['grant', ...unit, '--apply', '--server', 'ldaps://dc1', '--bind-dn', 'a'], 'no terminal to ask on: give --password-file'],
])('agentctl %j: says what to change', async (args, message) => {
  await expect(told(args)).rejects.toThrow(message)
})

test('every subcommand is in the help, with its own', async () => {
  const { out } = await told(['--help'])
  const names = [...out.matchAll(/^ {2}([\w-]+) {2,}/gm)].map(([, name = '']) => name)
  expect(names).toContain('grant')
  for (const name of names) expect(await told([name, '--help']), name).toMatchObject({ code: 0, error: '' })
})

test('wrong usage of the program: its message alone, and 64', async () => {
  expect(await run(['grant'])).toEqual({ code: 64, out: '', error: expect.stringMatching(/^--account and --on are needed.*\n$/) })
})

test('a debug log that would print passwords is refused', async () => {
  expect(await run(['grant', ...unit], { NODE_DEBUG: 'ldapts' })).toMatchObject({ code: 64, out: '' })
})
