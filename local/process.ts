/**
 * Stand-ins and agents as processes of their own: start, talk to, end. Nothing started here outlives the process that
 * started it; what they print goes to one file each.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FromChild, ToChild } from './child.ts'
import type { OptionsOf, PartName, StandInOf } from './parts.ts'
import type { Json } from './stand-in.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '..')
const endsWithinMs = 10_000
/** Node strips the types of our sources itself, and keeps what it compiled: a system of nine processes starts for a third of the work. */
const compileCache = join(root, 'node_modules/.cache/compiled')

/** What a process was told to be, from outside: the same addresses and controls, over the channel. */
export interface Remote<N extends PartName> {
  name: N
  pid: number
  addresses: StandInOf<N>['addresses']
  call<M extends string & keyof StandInOf<N>['control']>(method: M, ...args: ArgsOf<N, M>): Promise<ResultOf<N, M>>
  close(): Promise<void>
  /** Ends it as a crash does. */
  kill(): Promise<void>
}

type Method<N extends PartName, M extends keyof StandInOf<N>['control']> = StandInOf<N>['control'][M]
type ArgsOf<N extends PartName, M extends keyof StandInOf<N>['control']> = Method<N, M> extends (...args: infer A) => unknown ? A : never
type ResultOf<N extends PartName, M extends keyof StandInOf<N>['control']> =
  Method<N, M> extends (...args: never[]) => infer R ? Awaited<R> : Json

export interface ProcessOptions {
  /** Where its output goes: `${name}.log` in this folder. */
  logFolder: string
  environment?: Record<string, string>
  nodeFlags?: readonly string[]
}

/**
 * A source of ours, or a bundle as it ships.
 * Standard input is closed, output goes to the log file, the channel stays open: when it closes, the child ends.
 */
export function spawnNode(
  script: string,
  args: readonly string[],
  name: string,
  options: ProcessOptions,
  preload: readonly string[] = [],
): ChildProcess {
  const log = createWriteStream(join(options.logFolder, `${name}.log`), { flags: 'a' })
  const imports = preload.flatMap((module) => ['--import', module])
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), ...imports, resolve(root, script), ...args], {
    cwd: root,
    env: { ...cleanEnvironment(), NODE_COMPILE_CACHE: compileCache, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  child.once('close', () => log.end())
  return child
}

/** A developer's own settings must not reach what is tested here. */
const cleanEnvironment = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AZURE_|AGENT_|NODE_OPTIONS$|NODE_DEBUG$|VITEST)/.test(name)))

/** Ends a process that we started: asks, then insists. Resolves with its exit code, or undefined if it had to be killed. */
export async function end(child: ChildProcess, withinMs = endsWithinMs): Promise<number | undefined> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? undefined
  const exited = new Promise<number | undefined>((resolve) => child.once('exit', (code) => resolve(code ?? undefined)))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), withinMs)
  const code = await exited
  clearTimeout(timer)
  return code
}

export async function startPart<N extends PartName>(name: N, partOptions: OptionsOf<N>, options: ProcessOptions): Promise<Remote<N>> {
  const child = spawnNode('local/child.ts', [name], name, options)
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const ready = Promise.withResolvers<Remote<N>['addresses']>()
  let calls = 0
  child.on('message', (message: FromChild) => {
    if (message.kind === 'ready') ready.resolve(message.addresses as Remote<N>['addresses'])
    else if (message.kind === 'broken') ready.reject(new Error(`${name} did not start: ${message.message}`))
    else if (message.kind === 'result') waiting.get(message.id)?.resolve(message.value)
    else waiting.get(message.id)?.reject(new Error(message.message))
  })
  child.once('exit', (code) => {
    const gone = new Error(`${name} ended (exit code ${code ?? 'none'}); see ${join(options.logFolder, `${name}.log`)}`)
    ready.reject(gone)
    for (const call of waiting.values()) call.reject(gone)
  })
  const tell = (message: ToChild) => void child.send(message)
  tell({ kind: 'start', options: partOptions })
  try {
    const addresses = await ready.promise
    return { name, pid: child.pid ?? 0, addresses, call, close: async () => void (await end(child)), kill }
  } catch (error) {
    await end(child)
    throw error
  }

  function kill(): Promise<void> {
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGKILL')
    return exited
  }

  async function call(method: string, ...args: unknown[]): Promise<never> {
    const id = ++calls
    const result = Promise.withResolvers<unknown>()
    waiting.set(id, result)
    tell({ kind: 'call', id, method, args })
    try {
      return (await result.promise) as never
    } finally {
      waiting.delete(id)
    }
  }
}
