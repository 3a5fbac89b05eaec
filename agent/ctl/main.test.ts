import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('./main.ts', import.meta.url))

function agentctl(args: readonly string[], environment: Record<string, string> = {}) {
  const options = { env: { ...process.env, ...environment } }
  return new Promise<{ code: number; out: string; error: string }>((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', script, ...args], options, (failure, out, error) => {
      resolve({ code: failure === null ? 0 : Number(failure.code), out, error })
    }).stdin?.end()
  })
}

const unit = ['--account', 'svc', '--on', 'OU=People,DC=corp,DC=test']

test.each([
  [['--help'], 0, 'agentctl <subcommand> [options]', ''],
  [[], 64, 'agentctl <subcommand> [options]', ''],
  [['toString'], 64, 'agentctl <subcommand> [options]', ''],
  [['grant', '--help'], 0, 'agentctl grant --account NAME --on DN', ''],
  [['grant', ...unit], 0, 'dsacls "OU=People,DC=corp,DC=test"', ''],
  [['grant'], 64, '', '--account and --on are needed'],
  [['configure', '--settings', 'none.json'], 64, '', 'no terminal to ask on'],
  [['configure', '--settings', 'none.json', '--yes'], 64, '', '--tenant-id'],
  [['grant', ...unit, '--apply', '--server', 'ldaps://dc1', '--bind-dn', 'a'], 64, '', 'no terminal to ask on: give --password-file'],
])('agentctl %j: exit code %i', async (args, code, out, error) => {
  expect(await agentctl(args)).toEqual({ code, out: expect.stringContaining(out), error: expect.stringContaining(error) })
})

test('every subcommand is in the help, with its own', async () => {
  const { out } = await agentctl(['--help'])
  const names = [...out.matchAll(/^ {2}([\w-]+) {2,}/gm)].map(([, name = '']) => name)
  expect(names).toContain('grant')
  for (const name of names) expect(await agentctl([name, '--help']), name).toMatchObject({ code: 0, error: '' })
})

test('a debug log that would print passwords is refused', async () => {
  expect(await agentctl(['grant', ...unit], { NODE_DEBUG: 'ldapts' })).toMatchObject({ code: 64, out: '' })
})
