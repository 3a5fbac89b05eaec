/**
 * The shapes that travel between the host, the language worker and the `@azure/functions` library.
 *
 * Types only. They follow azure-functions-language-worker-protobuf (FunctionRpc.proto) as the library's own sources use
 * it (`@azure/functions` src/InvocationModel.ts, src/converters); a field that nothing here touches is left out.
 */

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none'
export type LogCategory = 'user' | 'system' | 'customMetric'

/** One value on its way to or from the library: exactly one field is set. */
export interface TypedData {
  string?: string | null
  json?: string | null
  bytes?: Uint8Array | null
  int?: number | null
  double?: number | null
  http?: HttpData | null
}

type Nullable<T> = { value?: T | null } | null | undefined

export interface HttpCookie {
  name: string
  value: string
  domain?: Nullable<string>
  path?: Nullable<string>
  expires?: Nullable<{ seconds?: number }>
  secure?: Nullable<boolean>
  httpOnly?: Nullable<boolean>
  /** `none` means "say nothing"; `explicitNone` means `SameSite=None`. */
  sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone'
  maxAge?: Nullable<number>
}

export interface HttpData {
  method?: string
  url?: string
  statusCode?: string
  headers?: Record<string, string>
  body?: TypedData | null
  nullableHeaders?: Record<string, { value: string }>
  nullableQuery?: Record<string, { value: string }>
  nullableParams?: Record<string, { value: string }>
  cookies?: HttpCookie[]
}

/** A binding as the app declared it; what else it holds depends on the type. */
export interface Binding {
  type: string
  direction: 'in' | 'out'
  [property: string]: unknown
}

export interface FunctionMetadata {
  name: string
  bindings: Record<string, Binding>
  retryOptions?: unknown
}

export type FunctionCallback = (...inputs: unknown[]) => unknown

export interface RegisteredFunction {
  metadata: FunctionMetadata
  callback: FunctionCallback
}

export interface InvocationRequest {
  invocationId: string
  functionId: string
  inputData: { name: string; data: TypedData }[]
  triggerMetadata: Record<string, TypedData>
  traceContext: { traceParent: string; traceState: string; attributes: Record<string, string> }
  retryContext: null
}

export interface CoreContext {
  invocationId: string
  metadata: FunctionMetadata
  request: InvocationRequest
  state?: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined
  log(level: LogLevel, category: LogCategory, message: string): void
}

export interface InvocationResponse {
  returnValue?: TypedData | null
}

export interface InvocationModel {
  getArguments(): Promise<{ context: object; inputs: unknown[] }>
  invokeFunction(context: object, inputs: unknown[], callback: FunctionCallback): Promise<unknown>
  getResponse(context: object, result: unknown): Promise<InvocationResponse>
}

export interface ProgrammingModel {
  getInvocationModel(context: CoreContext): InvocationModel | Promise<InvocationModel>
  getCapabilities?(worker: Record<string, string>): Promise<Record<string, string>>
}
