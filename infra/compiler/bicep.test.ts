import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bicepVersion, type Ended, findBicep, type RunProgram, runProgram } from './bicep.ts'
import { compile, diagnostics } from './compile.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bicep-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const missing: Ended = { code: 127, stdout: '', stderr: 'ENOENT' }
const says = (stdout: string): Ended => ({ code: 0, stdout, stderr: '' })
const version = (text = '0.44.1') => says(`Bicep CLI version ${text} (abc)`)

/** A machine with these programs, by how their call begins. */
function machine(programs: Record<string, Ended>, files: (path: string) => boolean = () => false) {
  const calls: string[] = []
  const run: RunProgram = async (program, args) => {
    const call = [program, ...args].join(' ')
    calls.push(call)
    return Object.entries(programs).find(([start]) => call.startsWith(start))?.[1] ?? missing
  }
  const options = { run, cache: folder, home: '/home/anna', exists: files, system: { platform: 'linux', arch: 'x64' } }
  return { calls, find: () => findBicep(options), options }
}
const restored = `azure.bicep.commandline.linux-x64/${bicepVersion}/tools/bicep`

describe('a Bicep compiler', () => {
  it('on the PATH is taken first, and nothing else is tried', async () => {
    const { find, calls } = machine({ bicep: version() })
    expect(await find()).toMatchObject({ name: 'Bicep 0.44.1 from the PATH', version: '0.44.1' })
    expect(calls).toEqual(['bicep --version'])
  })

  it('of the Azure CLI is taken where there is none on the PATH', async () => {
    const { find } = machine({ '/home/anna/.azure/bin/bicep': version() }, (path) => path === '/home/anna/.azure/bin/bicep')
    expect(await find()).toMatchObject({ name: 'Bicep 0.44.1 as the Azure CLI installed it' })
  })

  it('is restored through NuGet where the .NET SDK is, in exactly one version', async () => {
    let there = false
    const { options } = machine({ 'dotnet --version': says('10.0.1'), [join(folder, 'packages')]: version(bicepVersion) })
    const run: RunProgram = async (program, args) => {
      if (program === 'dotnet' && args[0] === 'restore') {
        there = true
        return { code: 1, stdout: 'error NU1101: no such package', stderr: '' }
      }
      return options.run(program, args)
    }
    expect(await findBicep({ ...options, run })).toMatchObject({ none: expect.stringContaining('error NU1101') })
    expect(there).toBe(true)
    expect(readFileSync(join(folder, 'bicep.csproj'), 'utf8')).toContain(`"Azure.Bicep.CommandLine.linux-x64" Version="[${bicepVersion}]"`)
  })

  it('restored is made executable, and started', async () => {
    const path = join(folder, 'packages', restored)
    const { options } = machine({ 'dotnet --version': says('10.0.1'), [path]: version(bicepVersion) })
    const run: RunProgram = async (program, args) => {
      if (args[0] !== 'restore') return options.run(program, args)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, '')
      return says('Restored')
    }
    expect(await findBicep({ ...options, run, exists: existsSync })).toMatchObject({ version: bicepVersion })
    expect(statSync(path).mode & 0o111).toBe(0o111)
  })

  it('that was restored once is not restored again', async () => {
    const { find, calls } = machine({ [join(folder, 'packages')]: version(bicepVersion) }, (path) => path.endsWith(restored))
    expect(await find()).toMatchObject({ name: `Bicep ${bicepVersion} restored through NuGet` })
    expect(calls.filter((call) => call.startsWith('dotnet'))).toEqual([])
  })

  it('is plainly none, and why, on a machine with nothing', async () => {
    expect(await machine({}).find()).toEqual({
      none: 'no bicep on the PATH, none of the Azure CLI (az bicep install), and no .NET SDK to restore one with',
    })
  })

  it('that does not exist is no crash', async () => {
    expect(await runProgram(join(folder, 'none'), [])).toMatchObject({ code: 127 })
  })
})

describe('compile', () => {
  it('takes every line on standard error for what it is', () => {
    expect(diagnostics('a.bicep', { code: 0, stderr: '' })).toEqual([])
    expect(diagnostics('a.bicep', { code: 0, stderr: 'a.bicep(1,7) : Warning no-unused-params: …\n\n' })).toHaveLength(1)
    expect(diagnostics('a.bicep', { code: 1, stderr: '' })).toEqual(['a.bicep: the compiler ended with 1'])
  })

  it('ends with 64 on wrong usage, and shows the usage', async () => {
    const said: string[] = []
    expect(await compile(['--wrong'], (text) => said.push(text), folder)).toBe(64)
    expect(said.join()).toContain('--write')
  })
})
