/** What is printed, and the exit code: for a person at a terminal, for a file, for a program. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Patient, startPatient } from './doctor/doctor.fixture.ts'
import { run } from './doctor.ts'
import { UsageError } from './program.ts'

let patient: Patient
let broken: string
beforeAll(async () => {
  patient = await startPatient()
  const baseDn = `OU=Nowhere,${patient.forest.baseDn}`
  broken = await patient.changed((settings) => Object.assign(settings.rules[0], { baseDn }))
})
afterAll(() => patient.close())

async function doctor(args: readonly string[], colour = false) {
  const lines: string[] = []
  const io = { print: (text: string) => void lines.push(text), complain: (text: string) => void lines.push(text), colour }
  return { code: await run(args, io), lines }
}

test('all right: 0, a line for each check, nothing coloured where it must not be', async () => {
  const { code, lines } = await doctor(['--settings', patient.file])
  expect(code).toBe(0)
  expect(lines).toContain('ok      policy-hints        dc1.corp.example.test: known')
  expect(lines.at(-1)).toMatch(/^\nNothing is wrong \(\d+ ok, 0 warnings, 0 skipped\)\.$/)
  expect(lines.join('\n')).not.toContain('\u001b')
})

test('something failed: 1, and what to do below it, coloured', async () => {
  const { code, lines } = await doctor(['--settings', broken], true)
  expect(code).toBe(1)
  const line = lines.find((each) => each.includes('rule-base')) ?? ''
  expect(line.startsWith('\u001b[31mFAILED  \u001b[0mrule-base')).toBe(true)
  expect(line.split('\n')[1]).toBe(`${' '.repeat(28)}do: correct "baseDn" of the rule`)
  expect(lines.at(-1)).toMatch(/^\n1 failed/)
})

test('--json: one object on one line, the last', async () => {
  const { code, lines } = await doctor(['--settings', broken, '--json'], true)
  expect(code).toBe(1)
  expect(lines).toHaveLength(1)
  const { ok, findings } = JSON.parse(lines[0] ?? '')
  expect(ok).toBe(false)
  expect(findings.filter(({ state }: { state: string }) => state === 'failed')).toEqual([
    {
      check: 'rule-base',
      about: 'everybody',
      state: 'failed',
      text: `OU=Nowhere,${patient.forest.baseDn} is not there, or may not be seen`,
      todo: 'correct "baseDn" of the rule',
    },
  ])
})

test('one person', async () => {
  expect(await doctor(['alice.adams', '--settings', patient.file])).toMatchObject({ code: 0 })
  expect(await doctor(['dave.disabled', '--settings', patient.file])).toMatchObject({ code: 1 })
})

test('no secret is in what is printed', async () => {
  const { lines } = await doctor(['--settings', patient.file, '--json'])
  for (const secret of [patient.forest.serviceAccount.password, 'PRIVATE KEY']) expect(lines.join('\n')).not.toContain(secret)
})

test.each([[['--colour']], [['a', 'b', '--settings', 'x']], [['--sample', '0', '--settings', 'x']], [[]]])(
  'wrong usage: %j',
  async (args) => {
    await expect(doctor(args)).rejects.toThrow(UsageError)
  },
)
