/**
 * One invocation, as the language worker makes it (azure-functions-nodejs-worker, src/eventHandlers/InvocationHandler.ts):
 * getInvocationModel → getArguments → preInvocation hooks → invokeFunction → postInvocation hooks → getResponse.
 *
 * Conversion in both directions is the library's own code, which also runs in production. Writes one log line per
 * invocation. Invariant: `invoke` never throws; a handler or hook that does is a `failed` value.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import type { App } from './app.ts'
import { describe, type Log } from './log.ts'
import type { CoreContext, InvocationResponse, LogCategory, LogLevel, RegisteredFunction, TypedData } from './rpc.ts'

export interface Cause {
  /** The trigger's value. */
  data: TypedData
  triggerMetadata?: Record<string, TypedData>
  /** W3C trace context of whoever caused it. */
  traceParent?: string | undefined
}

export type Invocation = { kind: 'succeeded'; response: InvocationResponse } | { kind: 'failed'; error: unknown }

export interface Invoker {
  invoke(target: RegisteredFunction, cause: Cause): Promise<Invocation>
  /** How many are running now, and how many of each function have ended and how. */
  counts(): { running: number; functions: Record<string, { succeeded: number; failed: number }> }
  /** Resolves when nothing runs any more, or after `withinMs`; says whether everything ended. */
  drain(withinMs: number): Promise<boolean>
}

/** A new span under the caller's trace, or a new trace: what the host's Activity does. */
export function childTrace(parent: string | undefined): string {
  const [, traceId, flags] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/.exec(parent ?? '') ?? []
  return `00-${traceId ?? randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-${flags ?? '01'}`
}

export const triggerOf = ({ metadata }: RegisteredFunction) => {
  const found = Object.entries(metadata.bindings).find(([, { type }]) => /trigger$/i.test(type))
  if (!found) throw new Error(`Function '${metadata.name}' has no trigger.`)
  return { name: found[0], binding: found[1] }
}

function contextFor(app: App, log: Log, { metadata }: RegisteredFunction, cause: Cause, triggerName: string) {
  const invocationId = randomUUID()
  let invocationContext: object | undefined
  const core: CoreContext = {
    invocationId,
    metadata,
    request: {
      invocationId,
      functionId: metadata.name,
      inputData: [{ name: triggerName, data: cause.data }],
      triggerMetadata: cause.triggerMetadata ?? {},
      traceContext: { traceParent: childTrace(cause.traceParent), traceState: '', attributes: {} },
      retryContext: null,
    },
    log(level: LogLevel, category: LogCategory, message: string) {
      // A log hook may change level and message before the line is written (worker: src/coreApi/…/log, library: LogHookContext).
      const line = { level, message, category, invocationContext, hookData: {}, appHookData: app.appHookData }
      app.runLogHooks(line)
      log({ level: line.level, category: category === 'user' ? 'user' : 'system', function: metadata.name, message: line.message })
    },
  }
  return { core, setInvocationContext: (context: object) => (invocationContext = context) }
}

async function run(app: App, log: Log, target: RegisteredFunction, cause: Cause): Promise<InvocationResponse> {
  const { core, setInvocationContext } = contextFor(app, log, target, cause, triggerOf(target).name)
  const model = await app.model.getInvocationModel(core)
  const { context, inputs } = await model.getArguments()
  setInvocationContext(context)
  const shared = { hookData: {}, appHookData: app.appHookData, invocationContext: context }

  const before = { ...shared, functionCallback: target.callback, inputs }
  core.state = 'preInvocationHooks'
  await app.runHooks('preInvocation', before)

  const after: { result: unknown; error: unknown } = { ...shared, ...{ inputs: before.inputs }, result: null, error: null }
  core.state = 'invocation'
  try {
    after.result = await model.invokeFunction(context, before.inputs, before.functionCallback)
  } catch (error) {
    // `throw undefined` is a failure as well.
    after.error = error ?? new Error('The function threw nothing.')
  }

  core.state = 'postInvocationHooks'
  await app.runHooks('postInvocation', after)
  core.state = undefined
  if (after.error !== null && after.error !== undefined) throw after.error
  return model.getResponse(context, after.result)
}

export function makeInvoker(app: App, log: Log, clock: Clock): Invoker {
  const running = new Set<Promise<Invocation>>()
  const ended: Record<string, { succeeded: number; failed: number }> = {}

  async function invoke(target: RegisteredFunction, cause: Cause): Promise<Invocation> {
    const startedMs = clock.monotonic()
    const result = await run(app, log, target, cause).then(
      (response): Invocation => ({ kind: 'succeeded', response }),
      (error: unknown): Invocation => ({ kind: 'failed', error }),
    )
    const { name } = target.metadata
    ended[name] ??= { succeeded: 0, failed: 0 }
    ended[name][result.kind] += 1
    const took = `${Math.round(clock.monotonic() - startedMs)}ms`
    if (result.kind === 'succeeded') {
      log({ level: 'information', category: 'host', function: name, message: `Executed 'Functions.${name}' (Succeeded, ${took})` })
    } else {
      const message = `Executed 'Functions.${name}' (Failed, ${took}) ${describe(result.error)}`
      log({ level: 'error', category: 'host', function: name, message })
    }
    return result
  }

  return {
    invoke(target, cause) {
      const one = invoke(target, cause)
      running.add(one)
      void one.then(() => running.delete(one))
      return one
    },
    counts: () => ({ running: running.size, functions: structuredClone(ended) }),
    async drain(withinMs) {
      const enough = new AbortController()
      const all = Promise.all(running).then(() => true)
      const late = clock.sleep(withinMs, { signal: enough.signal }).then(
        () => false,
        () => false,
      )
      const drained = await Promise.race([all, late])
      enough.abort()
      return drained
    },
  }
}
