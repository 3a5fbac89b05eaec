/**
 * The `az` command, and what it answers. Spawned without a shell: arguments reach it as they are.
 *
 * `read` looks, also in a dry run; `write` changes something, and a dry run only shows it. What is secret goes through a file that
 * only its owner may read, never through an argument: those are seen by everybody on the machine. On Windows `az` is a batch
 * file, which Node starts through a shell alone (CVE-2024-27980): what that file would start is started instead.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, win32 } from 'node:path'
import type { Io } from '../cli/command.ts'
import { plain } from '../cli/command.ts'

// biome-ignore lint/suspicious/noExplicitAny: what az prints; whoever asks knows which command it was.
export type Json = any
export interface Ended {
  code: number
  stdout: string
  stderr: string
}
export type RunAz = (args: readonly string[]) => Promise<Ended>

export interface Az {
  dryRun: boolean
  /** Undefined: az says that it is not there. */
  read(args: readonly string[]): Promise<Json>
  /** `instead` is what a dry run goes on with. */
  write(args: readonly string[], instead?: Json): Promise<Json>
  /** The same, with a body that holds a secret; `args` gets `--body @FILE`. */
  writeSecret(args: readonly string[], body: object): Promise<Json>
}

/** az ended with an error; the message names the command and what az said, without its arguments. */
export class AzFailed extends Error {
  readonly said: string

  constructor(args: readonly string[], { code, stderr }: Ended) {
    const said = plain(stderr.replaceAll(/\s+/g, ' ').trim()).slice(0, 600)
    super(`az ${words(args)} ended with ${code}${said === '' ? '' : `: ${said}`}`)
    this.said = said
  }
}

const words = (args: readonly string[]) => {
  const first = args.findIndex((arg) => arg.startsWith('-'))
  return args.slice(0, first < 0 ? args.length : first).join(' ')
}

/** 3 is "not found" of every `show`; `az rest` and lists in a group that is not there say it in words. */
const isAbsent = ({ code, stderr }: Ended) =>
  code === 3 || (code !== 0 && /\b(Request_ResourceNotFound|ResourceNotFound|ResourceGroupNotFound|Not Found)\b/.test(stderr))

export function openAz(run: RunAz, { dryRun, io }: { dryRun: boolean; io: Pick<Io, 'print'> }): Az {
  const answer = async (args: readonly string[]): Promise<Json> => {
    const ended = await run(args)
    if (ended.code !== 0) throw new AzFailed(args, ended)
    return parsed(ended.stdout)
  }
  return {
    dryRun,
    async read(args) {
      const ended = await run(args)
      if (isAbsent(ended)) return undefined
      if (ended.code !== 0) throw new AzFailed(args, ended)
      return parsed(ended.stdout)
    },
    async write(args, instead) {
      if (!dryRun) return answer(args)
      io.print(`would call: az ${args.map(quoted).join(' ')}`)
      return instead
    },
    async writeSecret(args, body) {
      if (dryRun) return this.write([...args, '--body', '@FILE'])
      const folder = mkdtempSync(join(tmpdir(), 'infra-'))
      try {
        const file = join(folder, 'body.json')
        writeFileSync(file, JSON.stringify(body), { mode: 0o600, flag: 'wx' })
        return await answer([...args, '--body', `@${file}`])
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  }
}

const quoted = (arg: string) => (/^[\w./:=@,-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`)

/** Some commands print nothing, some a text that is no JSON. */
function parsed(stdout: string): Json {
  try {
    return stdout.trim() === '' ? undefined : JSON.parse(stdout)
  } catch {
    return stdout
  }
}

/** What to start, and what comes before the arguments. Undefined: there is no az. */
export function azProgram(
  path: string,
  platform: NodeJS.Platform = process.platform,
  exists: (file: string) => boolean = existsSync,
): readonly [string, ...string[]] | undefined {
  if (platform !== 'win32') {
    const file = path.split(delimiter).find((folder) => folder !== '' && exists(join(folder, 'az')))
    return file === undefined ? undefined : [join(file, 'az')]
  }
  const folder = path.split(';').find((each) => each !== '' && exists(win32.join(each, 'az.cmd')))
  if (folder === undefined) return undefined
  const python = win32.join(folder, '..', 'python.exe')
  return exists(python) ? [python, '-IBm', 'azure.cli'] : undefined
}

export function spawnAz([file, ...first]: readonly [string, ...string[]], environment: NodeJS.ProcessEnv): RunAz {
  const env = { ...environment, AZURE_CORE_OUTPUT: 'json', AZURE_CORE_ONLY_SHOW_ERRORS: 'true', AZURE_CORE_NO_COLOR: 'true' }
  return (args) =>
    new Promise((resolve, reject) => {
      const child = spawn(file, [...first, ...args], { env, shell: false, stdio: ['ignore', 'pipe', 'pipe'] })
      const texts = { stdout: '', stderr: '' }
      for (const stream of ['stdout', 'stderr'] as const) {
        child[stream].setEncoding('utf8').on('data', (text: string) => {
          texts[stream] += text
        })
      }
      child.on('error', reject)
      child.on('close', (code) => resolve({ code: code ?? 1, ...texts }))
    })
}
