/**
 * The '@azure/functions-core' contract: what the language worker offers the programming-model library, and nothing more.
 *
 * `@azure/functions` requires that module lazily; the worker answers by hooking `Module.prototype.require`
 * (azure-functions-nodejs-worker, src/setupCoreModule.ts), and so do we. The library keeps the first object it gets, so
 * there is one per process and it speaks to whichever registration is open.
 * Invariant: at most one app is loaded at a time in a process.
 */
import Module from 'node:module'
import type { FunctionCallback, FunctionMetadata, LogCategory, LogLevel, ProgrammingModel, RegisteredFunction } from './rpc.ts'

const hookNames = ['preInvocation', 'postInvocation', 'appStart', 'appTerminate', 'log'] as const
export type HookName = (typeof hookNames)[number]
export type Hook = (context: object) => unknown

type CoreLog = (level: LogLevel, category: LogCategory, message: string) => void

/** What one app registers while it loads. */
export interface Registration {
  functions: Map<string, RegisteredFunction>
  hooks: Record<HookName, Hook[]>
  /** True while the entry loads and the appStart hooks run; afterwards the worker refuses to register or dispose a function. */
  open: boolean
  /** The app called `app.setup({ enableHttpStream: true })`. */
  asksForStreaming: boolean
  log: CoreLog
}

let current: Registration | undefined
let model: ProgrammingModel | undefined
let hooked = false

function registration(): Registration {
  if (!current) throw new Error('No functions app is being loaded or running in this process.')
  return current
}

class Disposable {
  #undo: (() => void) | undefined
  constructor(undo: () => void) {
    this.#undo = undo
  }
  dispose(): void {
    this.#undo?.()
    this.#undo = undefined
  }
}

function registerHook(name: string, hook: Hook): Disposable {
  const hooks = registration().hooks[name as HookName]
  if (!hooks) throw new RangeError(`Unrecognized hook "${name}"`)
  hooks.push(hook)
  return new Disposable(() => hooks.splice(hooks.indexOf(hook), 1))
}

function registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
  const { open, functions } = registration()
  if (!open) throw new Error('A function can only be registered during app startup.')
  if (functions.has(metadata.name)) throw new Error(`A function with id "${metadata.name}" has already been registered.`)
  functions.set(metadata.name, { metadata, callback })
  return new Disposable(() => {
    if (!registration().open) throw new Error('A function can only be disposed during app startup.')
    functions.delete(metadata.name)
  })
}

function log(level: LogLevel, category: LogCategory, message: string): void {
  // The library says this before it opens a listener of its own (src/setup.ts); once it has, nobody can close that again.
  if (category === 'system' && message === 'HTTP streaming enabled.') registration().asksForStreaming = true
  current?.log(level, category, message)
}

const contract = {
  version: '3.9.1',
  hostVersion: '4.1040.0',
  Disposable,
  registerHook,
  registerFunction,
  log,
  getProgrammingModel: () => model,
  setProgrammingModel: (next: ProgrammingModel) => {
    model = next
  },
}

function hookRequire(): void {
  if (hooked) return
  hooked = true
  const original = Module.prototype.require
  const answering = function (this: NodeJS.Module, id: string) {
    return id === '@azure/functions-core' ? contract : original.call(this, id)
  }
  Module.prototype.require = Object.assign(answering, original)
}

/** Makes a new registration the one the library speaks to. Throws while another app is loaded. */
export function openRegistration(sink: CoreLog): Registration {
  if (current) throw new Error('One functions app per process: another one still runs in this one. Close it first, or use a child process.')
  hookRequire()
  const hooks = Object.fromEntries(hookNames.map((name): [HookName, Hook[]] => [name, []])) as Record<HookName, Hook[]>
  current = { functions: new Map(), hooks, open: true, asksForStreaming: false, log: sink }
  return current
}

export function closeRegistration(closing: Registration): void {
  if (current === closing) current = undefined
}

/** The model that the app's copy of the library announced with its first `app.*()` call. */
export const programmingModel = (): ProgrammingModel | undefined => model
