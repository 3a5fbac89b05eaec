/** `agentctl doctor` as an administrator runs it: a process of its own, with the settings of an agent that runs. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { personNamed, useSystem } from './support.ts'

const system = useSystem()
const root = fileURLToPath(new URL('../..', import.meta.url))

function doctor(...args: string[]) {
  return new Promise<{ code: number; out: string; error: string }>((resolve) => {
    execFile('npm', ['run', '--silent', 'agentctl', '--', 'doctor', ...args], { cwd: root }, (failure, out, error) => {
      resolve({ code: failure === null ? 0 : Number(failure.code), out, error })
    })
  })
}

/** The sample rule is wider than what was granted. */
async function settingsFile(): Promise<string> {
  const { folder, forest } = system()
  const settings = JSON.parse(await readFile(join(folder, 'agent-1', 'agent.json'), 'utf8'))
  settings.rules[0].baseDn = forest.serviceAccount.scope
  const file = join(folder, 'agent-1', 'narrow.json')
  await writeFile(file, JSON.stringify(settings))
  return file
}

test('beside a running agent: all right, and neither a message nor a write', async () => {
  const { parts } = system()
  const taken = async () => (await parts.bus.call('stats'))['requests']
  const before = { requests: await taken(), writes: await parts.directory.call('writes') }
  const { code, out, error } = await doctor('--settings', await settingsFile(), '--json')
  expect(error).toBe('')
  expect(JSON.parse(out.trim().split('\n').at(-1) ?? '')).toMatchObject({ ok: true })
  expect(code).toBe(0)
  expect(await parts.directory.call('writes')).toEqual(before.writes)
  expect(await taken()).toEqual(before.requests)
})

test('for a person whose account is disabled: 1, and why', async () => {
  const { code, out } = await doctor(personNamed(system(), 'dave.disabled').upn, '--settings', await settingsFile())
  expect(code).toBe(1)
  expect(out).toContain('person-disabled')
  expect(out).not.toContain('\u001b')
})
