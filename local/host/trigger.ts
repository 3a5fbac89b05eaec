/**
 * What the host asks of a trigger that listens by itself (queues and timers; HTTP is one listener for all functions).
 *
 * Order at the end: every trigger stops, the invocations drain, every trigger closes. So a message whose function
 * succeeded is still settled.
 */
import type { Clock } from '../../shared/clock.ts'
import type { HostConfiguration, Settings } from './host-json.ts'
import type { Invoker } from './invoke.ts'
import type { Log } from './log.ts'
import type { TypedData } from './rpc.ts'

export interface Trigger {
  /** Resolves when it listens for the first time; rejects when trying again cannot help (a right that is missing). */
  ready: Promise<void>
  /** Takes nothing new. */
  stop(): Promise<void>
  /** After the drain: settles what ended and lets go of connections. */
  close(): Promise<void>
}

export interface TriggerContext {
  settings: Settings
  host: HostConfiguration
  invoker: Invoker
  log: Log
  clock: Clock
  /** PEM file of the authority that the Service Bus stand-in's certificate comes from. */
  serviceBusCaFile?: string | undefined
}

/** Rejects when `work` takes longer than `limitMs`; the work itself goes on. */
export async function within<T>(clock: Clock, limitMs: number, work: Promise<T>): Promise<T> {
  const done = new AbortController()
  const late = clock
    .sleep(limitMs, { signal: done.signal, unref: true })
    .then(() => Promise.reject(new Error(`no answer in ${limitMs} ms`)))
  // When the work wins, the sleep is ended and nobody is left to hear of it.
  late.catch(() => undefined)
  return Promise.race([work, late]).finally(() => done.abort())
}

/** Numbers, dates and objects reach the library as JSON text (GrpcMessageConversionExtensions.ToRpcDefault). */
export const asJson = (value: unknown): TypedData => ({ json: JSON.stringify(value) })

/** A .NET DateTime of unspecified kind in JSON: no zone, no trailing zeros. `new Date()` takes it for local time! */
export const dateWithoutZone = (date: Date): string => date.toISOString().replace(/\.?0*Z$/, '')

/** A .NET DateTimeOffset in JSON. */
export const dateWithOffset = (date: Date): string => `${dateWithoutZone(date)}+00:00`

/**
 * The trigger's value as the function gets it. Without `dataType: 'binary'` the host decodes it as UTF-8, losing every
 * byte that is not (azure-functions-nodejs-worker#684); the library then parses what looks like JSON.
 */
export function bodyData(bytes: Buffer, dataType: unknown): TypedData {
  const binary = typeof dataType === 'string' && dataType.toLowerCase() === 'binary'
  return binary ? { bytes } : { string: bytes.toString('utf8') }
}
