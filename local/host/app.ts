/**
 * One loaded functions app: its environment, its entry module, what it registered, and its start and end hooks.
 *
 * Follows the worker's order (azure-functions-nodejs-worker, src/startApp.ts): settings into the environment, load the
 * entry, appStart hooks, then registration is locked. Where the worker swallows an entry that throws and reports
 * "no functions", this throws with the cause. An app can be loaded once per process: Node caches its modules.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { closeRegistration, type HookName, openRegistration, programmingModel, type Registration } from './core.ts'
import type { HostJson, Settings } from './host-json.ts'
import type { Log } from './log.ts'
import type { ProgrammingModel, RegisteredFunction } from './rpc.ts'

/** Either a folder as `func start` takes it (package.json, host.json, local.settings.json), or the entry module and host.json's content. */
export type AppSource = { appFolder: string } | { entry: string; hostJson: HostJson }

export interface App {
  functions: RegisteredFunction[]
  model: ProgrammingModel
  /** Shared by all hooks of the app (worker: AppContext.appHookData). */
  appHookData: object
  runHooks(name: HookName, context: object): Promise<void>
  runLogHooks(context: object): void
  close(): Promise<void>
}

export interface Located {
  entry: string
  hostJson: HostJson
  settings: Settings
}

function readJson(path: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`${path} cannot be read as JSON`, { cause })
  }
}

/** Finds entry, host.json and settings. `settings` given by the caller win over the environment, that over local.settings.json. */
export function locate(source: AppSource, settings: Settings = {}): Located {
  if ('entry' in source) return { ...source, settings }
  const at = (name: string) => join(source.appFolder, name)
  const main = readJson(at('package.json'))?.['main']
  if (typeof main !== 'string') throw new Error(`${at('package.json')} names no "main": the worker would find no functions.`)
  const hostJson = readJson(at('host.json'))
  if (!hostJson) throw new Error(`${at('host.json')} is missing.`)
  const values = (readJson(at('local.settings.json'))?.['Values'] ?? {}) as Settings
  const kept = Object.fromEntries(Object.entries(values).filter(([name]) => process.env[name] === undefined))
  return { entry: resolve(source.appFolder, main), hostJson, settings: { ...kept, ...settings } }
}

/** Puts the settings into the environment; the function returned puts back what was there. */
function enterEnvironment(settings: Settings): () => void {
  const all: Settings = { FUNCTIONS_WORKER_RUNTIME: 'node', AZURE_FUNCTIONS_ENVIRONMENT: 'Development', ...settings }
  const before = Object.keys(all).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, all)
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}

/** As the worker does: `require` for CommonJS (an esbuild bundle), `import` for everything else. */
async function loadEntry(entry: string): Promise<void> {
  try {
    if (entry.endsWith('.cjs')) createRequire(entry)(entry)
    else await import(/* @vite-ignore */ pathToFileURL(entry).href)
  } catch (cause) {
    throw new Error(`The entry ${entry} threw while it was loaded; no function of it can run.`, { cause })
  }
}

async function lock(registration: Registration, entry: string): Promise<ProgrammingModel> {
  const model = programmingModel()
  if (registration.functions.size === 0 || !model) {
    throw new Error(`The entry ${entry} registered no functions. Was it already loaded once in this process? Node runs a module only once.`)
  }
  if (registration.asksForStreaming) {
    throw new Error('The app asks for HTTP streaming (app.setup enableHttpStream). The local host answers buffered responses only.')
  }
  await model.getCapabilities?.({})
  registration.open = false
  return model
}

async function runHooks(registration: Registration, name: HookName, context: object): Promise<void> {
  for (const hook of registration.hooks[name]) await hook(context)
}

export async function loadApp({ entry, settings }: Located, log: Log): Promise<App> {
  const registration = openRegistration((level, _category, message) => log({ level, category: 'system', message }))
  const leaveEnvironment = enterEnvironment(settings)
  const leave = () => {
    closeRegistration(registration)
    leaveEnvironment()
  }
  const appHookData = {}
  const lifecycle = { hookData: {}, appHookData, functionAppDirectory: dirname(entry) }
  try {
    await loadEntry(entry)
    await runHooks(registration, 'appStart', lifecycle)
    const model = await lock(registration, entry)
    return {
      functions: [...registration.functions.values()],
      model,
      appHookData,
      runHooks: (name, context) => runHooks(registration, name, context),
      runLogHooks: (context) => registration.hooks.log.forEach((hook) => void hook(context)),
      close: () => runHooks(registration, 'appTerminate', lifecycle).finally(leave),
    }
  } catch (error) {
    leave()
    throw error
  }
}
