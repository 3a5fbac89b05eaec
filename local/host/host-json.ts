/**
 * host.json and the application settings that override it.
 *
 * Owns: the defaults of the real host and of extension bundle 4 (learn.microsoft.com/azure/azure-functions/functions-host-json,
 * functions-bindings-service-bus, functions-bindings-storage-queue), the `AzureFunctionsJobHost__a__b` overrides, and
 * `%NAME%` expressions. Values that the stand-in would have to ignore although they change behaviour are refused.
 */
import * as z from 'zod'

export type Settings = Readonly<Record<string, string>>

/** `hh:mm:ss`, with optional days and fraction, as .NET writes a TimeSpan; in milliseconds. */
const timeSpanMs = z
  .string()
  .regex(/^(\d+\.)?\d{1,2}:\d{2}:\d{2}(\.\d+)?$/, 'expected hh:mm:ss')
  .transform((text) => {
    const [, days = '0', hours, minutes, seconds] = /^(?:(\d+)\.)?(\d+):(\d+):(.+)$/.exec(text) ?? []
    return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
  })

const yes = z.union([z.literal(true), z.literal('true')], 'only true is supported here').optional()
const anyCase = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.preprocess((value) => (typeof value === 'string' ? value.toLowerCase() : value), z.enum(values))

const http = z.object({
  routePrefix: z.string().default('api'),
  customHeaders: z.record(z.string(), z.string()).default({}),
})

const serviceBus = z.object({
  maxConcurrentCalls: z.coerce.number().int().min(1).default(16),
  maxAutoLockRenewalDuration: timeSpanMs.default(5 * 60_000),
  autoCompleteMessages: yes,
  transportType: anyCase(['amqptcp', 'amqpwebsockets']).default('amqptcp'),
})

const queues = z.object({
  batchSize: z.coerce.number().int().min(1).max(32).default(16),
  newBatchThreshold: z.coerce.number().int().min(0).optional(),
  maxDequeueCount: z.coerce.number().int().min(1).default(5),
  maxPollingInterval: timeSpanMs.pipe(z.number().min(100)).default(60_000),
  visibilityTimeout: timeSpanMs.default(0),
  messageEncoding: anyCase(['base64', 'none']).default('base64'),
})

const hostJson = z.object({
  version: z.literal('2.0', 'The host.json file must say "version": "2.0".'),
  extensions: z
    .object({ http: http.prefault({}), serviceBus: serviceBus.prefault({}), queues: queues.prefault({}) })
    .prefault({ http: {}, serviceBus: {}, queues: {} }),
  extensionBundle: z.object({ id: z.string(), version: z.string() }).optional(),
})

export type HostJson = Record<string, unknown>
export type HostConfiguration = z.output<typeof hostJson>

const overridePrefix = 'AzureFunctionsJobHost__'

function override(target: Record<string, unknown>, path: readonly string[], value: string): void {
  const [head, ...rest] = path
  if (head === undefined) return
  if (rest.length === 0) {
    target[head] = value
    return
  }
  const inner = target[head]
  const next = typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>) : {}
  target[head] = next
  override(next, rest, value)
}

/** host.json with the settings' overrides applied and every default filled in. Throws with all problems at once. */
export function readHostJson(file: HostJson, settings: Settings): HostConfiguration {
  const merged = structuredClone(file)
  for (const [name, value] of Object.entries(settings)) {
    if (name.startsWith(overridePrefix)) override(merged, name.slice(overridePrefix.length).split('__'), value)
  }
  const parsed = hostJson.safeParse(merged)
  if (parsed.success) return parsed.data
  throw new Error(`host.json cannot be used: ${z.prettifyError(parsed.error)}`)
}

/** Replaces every `%NAME%` by that application setting, as the host does in queue names and schedules. */
export function resolveExpressions(text: string, settings: Settings): string {
  return text.replace(/%([^%]+)%/g, (expression, name: string) => {
    const value = settings[name]
    if (value === undefined) throw new Error(`'${expression}' does not resolve to a value: the application setting '${name}' is missing.`)
    return value
  })
}
