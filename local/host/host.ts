/**
 * The Functions host stand-in: runs a v4 app through the real `@azure/functions` library, without Core Tools.
 *
 * load the app → refuse what the real host refuses → start the triggers → listen for HTTP. `startHost` resolves when all
 * of that has happened, so whatever asks for its health gets the truth. One app per process (`core.ts`); a process that
 * has ended one may start another entry. Reference: azure-functions-host and azure-functions-nodejs-worker.
 */
import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../../shared/clock.ts'
import type { StandIn } from '../stand-in.ts'
import { makeAdmin, manualCause } from './admin.ts'
import { type App, type AppSource, loadApp, locate } from './app.ts'
import { type HostConfiguration, readHostJson, type Settings } from './host-json.ts'
import { defaultBodyLimitBytes, listenHttp } from './http.ts'
import { type Invoker, makeInvoker, triggerOf } from './invoke.ts'
import type { Keys } from './keys.ts'
import { type Log, logToStdout } from './log.ts'
import type { RegisteredFunction } from './rpc.ts'
import { startServiceBusTrigger } from './service-bus-trigger.ts'
import { startStorageQueueTrigger } from './storage-queue-trigger.ts'
import { startTimerTrigger } from './timer-trigger.ts'
import { type Trigger, type TriggerContext, within } from './trigger.ts'
import { problemsOf } from './validate.ts'

export type HostOptions = AppSource & {
  /** Application settings; in the environment while the app runs, and what was there before afterwards. */
  settings?: Settings
  port?: number
  /** Random ones unless given; `control.keys()` tells them. */
  keys?: Keys
  serviceBus?: { caFile?: string }
  clock?: Clock
  log?: Log
}

export type Host = StandIn<{ http: number }, ReturnType<typeof hostControl>>

/** Production gives an app about as long to finish what it has begun. */
const drainMs = 5_000
/** Then the triggers have this long to settle and to let go. */
const settleMs = 3_000

const starters: Record<string, (target: RegisteredFunction, context: TriggerContext) => Trigger> = {
  servicebustrigger: startServiceBusTrigger,
  queuetrigger: startStorageQueueTrigger,
  timertrigger: startTimerTrigger,
}

/** `AzureWebJobs.NAME.Disabled` switches one function off. */
const enabled = (functions: readonly RegisteredFunction[], settings: Settings) =>
  functions.filter(({ metadata }) => !/^(true|1)$/i.test(settings[`AzureWebJobs.${metadata.name}.Disabled`] ?? ''))

function hostControl(functions: readonly RegisteredFunction[], invoker: Invoker, keys: Keys) {
  return {
    keys: () => ({ ...keys }),
    functions: (): string[] => functions.map(({ metadata }) => metadata.name),
    /** Invocations that run now, and those that ended, per function. */
    counts: () => invoker.counts(),
    /** As `POST /admin/functions/{name}`, but waits for the end and says how it went. */
    async run(name: string, input = ''): Promise<'succeeded' | 'failed'> {
      const target = functions.find(({ metadata }) => metadata.name === name)
      if (!target) throw new Error(`no function '${name}' among ${functions.map(({ metadata }) => metadata.name).join(', ')}`)
      return (await invoker.invoke(target, manualCause(target, input))).kind
    },
  }
}

async function stopAll(
  triggers: readonly Trigger[],
  { clock, invoker, log }: Pick<TriggerContext, 'clock' | 'invoker' | 'log'>,
): Promise<void> {
  await Promise.all(triggers.map((trigger) => trigger.stop()))
  if (!(await invoker.drain(drainMs))) {
    log({ level: 'error', category: 'host', message: `Functions still ran after ${drainMs} ms; the host ends without them.` })
  }
  await Promise.allSettled(triggers.map((trigger) => within(clock, settleMs, trigger.close())))
}

async function startTriggers(functions: readonly RegisteredFunction[], context: TriggerContext): Promise<Trigger[]> {
  const triggers: Trigger[] = []
  try {
    for (const target of functions) {
      const start = starters[triggerOf(target).binding.type.toLowerCase()]
      if (start) triggers.push(start(target, context))
    }
    await Promise.all(triggers.map(({ ready }) => ready))
    return triggers
  } catch (error) {
    for (const { ready } of triggers) ready.catch(() => undefined)
    await stopAll(triggers, context)
    throw error
  }
}

interface Parts {
  app: App
  host: HostConfiguration
  settings: Settings
  options: HostOptions
  clock: Clock
  log: Log
}

async function runApp({ app, host, settings, options, clock, log }: Parts): Promise<Host> {
  const problems = problemsOf(app.functions, host)
  if (problems.length > 0) throw new Error(`The real host would not run this app:\n${problems.join('\n')}`)
  const functions = enabled(app.functions, settings)
  const keys = options.keys ?? { master: randomBytes(32).toString('base64url'), function: randomBytes(32).toString('base64url') }
  const invoker = makeInvoker(app, log, clock)
  const startedMs = clock.monotonic()
  let state: 'Starting' | 'Running' | 'Stopping' = 'Starting'
  const admin = makeAdmin({ functions, host, invoker, keys, uptimeMs: () => clock.monotonic() - startedMs, state: () => state })
  const triggers = await startTriggers(functions, { settings, host, invoker, log, clock, serviceBusCaFile: options.serviceBus?.caFile })
  const bodyLimitBytes = Number(settings['FUNCTIONS_REQUEST_BODY_SIZE_LIMIT'] ?? defaultBodyLimitBytes)
  const http = await listenHttp({ functions, host, invoker, keys, bodyLimitBytes, admin, log, port: options.port ?? 0 })
  state = 'Running'
  log({ level: 'information', category: 'host', message: `${functions.length} functions run; HTTP on http://localhost:${http.port}` })

  let closing: Promise<void> | undefined
  const close = async () => {
    state = 'Stopping'
    http.stop()
    await stopAll(triggers, { clock, invoker, log })
    await http.close()
    await app.close()
  }
  return {
    addresses: { http: http.port },
    control: hostControl(functions, invoker, keys),
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

/** Throws when the entry throws, registers nothing, or would not run in Azure; nothing is left behind then. */
export async function startHost(options: HostOptions): Promise<Host> {
  const { clock = systemClock, log = logToStdout } = options
  const located = locate(options, options.settings)
  const settings = Object.fromEntries(
    Object.entries({ ...process.env, ...located.settings }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  const host = readHostJson(located.hostJson, settings)
  const app = await loadApp(located, log)
  try {
    return await runApp({ app, host, settings, options, clock, log })
  } catch (error) {
    await app.close()
    throw error
  }
}
