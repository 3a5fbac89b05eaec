/**
 * Where a Bicep compiler is to be had: on the PATH, as the Azure CLI installed it, or restored through NuGet with the .NET SDK.
 *
 * NuGet's package is the same program, from Microsoft, and needs no other download; it is restored once into node_modules/.cache.
 */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** What the snapshots of test/infra/ were made by. */
export const bicepVersion = '0.49.2'

export interface Ended {
  code: number
  stdout: string
  stderr: string
}

export interface Bicep {
  /** Such as "Bicep 0.49.2 from the PATH". */
  name: string
  version: string
  run(...args: readonly string[]): Promise<Ended>
}

/** Without a shell. Code 127: there is no such program. */
export type RunProgram = (program: string, args: readonly string[]) => Promise<Ended>

/** The mail server's address is read by parameter files: what is compiled must not depend on it. */
const { MAIL_URL: _, MAIL_FROM: __, ...inherited } = process.env
const env = { ...inherited, DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1', DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' }

export const runProgram: RunProgram = (program, args) =>
  new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const said = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        said[stream] += text
      })
    }
    child.on('error', ({ message }) => resolve({ code: 127, ...said, stderr: message }))
    child.on('close', (code) => resolve({ code: code ?? 1, ...said }))
  })

export interface FindOptions {
  run?: RunProgram
  /** Where the restored one is kept. */
  cache: string
  home?: string
  exists?: (path: string) => boolean
  system?: { platform: string; arch: string }
}

/** The first that works, or why there is none. */
export async function findBicep(options: FindOptions): Promise<Bicep | { none: string }> {
  const { run = runProgram, home = homedir(), exists = existsSync, system = process } = options
  const program = system.platform === 'win32' ? 'bicep.exe' : 'bicep'
  const installed = join(home, '.azure', 'bin', program)
  const found =
    (await works(run, program, 'from the PATH')) ??
    (exists(installed) ? await works(run, installed, 'as the Azure CLI installed it') : undefined)
  if (found) return found
  const restored = await restore({ run, cache: options.cache, exists, system })
  if (typeof restored !== 'string') return { none: `no bicep on the PATH, none of the Azure CLI (az bicep install), and ${restored.none}` }
  return (await works(run, restored, 'restored through NuGet')) ?? { none: 'what NuGet restored does not start' }
}

async function works(run: RunProgram, program: string, from: string): Promise<Bicep | undefined> {
  const { code, stdout } = await run(program, ['--version'])
  const version = /version (\d+\.\d+\.\d+)/.exec(stdout)?.[1]
  if (code !== 0 || version === undefined) return undefined
  return { name: `Bicep ${version} ${from}`, version, run: (...args) => run(program, args) }
}

const runtimes: Record<string, string> = {
  'linux x64': 'linux-x64',
  'linux arm64': 'linux-arm64',
  'win32 x64': 'win-x64',
  'darwin x64': 'osx-x64',
  'darwin arm64': 'osx-arm64',
}

/** Path of the program. */
async function restore({ run, cache, exists, system }: Required<Omit<FindOptions, 'home'>>): Promise<string | { none: string }> {
  const runtime = runtimes[`${system.platform} ${system.arch}`]
  if (runtime === undefined) return { none: 'NuGet has none for this machine' }
  const name = `Azure.Bicep.CommandLine.${runtime}`
  const packages = join(cache, 'packages')
  const path = join(packages, name.toLowerCase(), bicepVersion, 'tools', system.platform === 'win32' ? 'bicep.exe' : 'bicep')
  if (exists(path)) return path
  if ((await run('dotnet', ['--version'])).code !== 0) return { none: 'no .NET SDK to restore one with' }
  mkdirSync(cache, { recursive: true })
  const project = join(cache, 'bicep.csproj')
  writeFileSync(project, projectOf(name))
  const { code, stdout, stderr } = await run('dotnet', ['restore', project, '--packages', packages])
  if (code !== 0 || !exists(path)) return { none: `NuGet does not give ${name} ${bicepVersion}: ${lastLine(stdout + stderr)}` }
  // NuGet does not keep the bit.
  if (system.platform !== 'win32') chmodSync(path, 0o755)
  return path
}

const projectOf = (name: string) => `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>netstandard2.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageDownload Include="${name}" Version="[${bicepVersion}]" /></ItemGroup>
</Project>
`

const lastLine = (text: string) => text.trim().split('\n').at(-1)?.trim() ?? ''
