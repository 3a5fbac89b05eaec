/**
 * What the host says: one line per event, one per invocation.
 *
 * Invariant: the host itself never logs a body, a header, a query or a key. What an app writes with `context.log` passes
 * through as it is, as in the real host.
 */
import type { LogLevel } from './rpc.ts'

export interface LogLine {
  level: LogLevel
  /** `host` is ours, `system` the library's, `user` the app's `context.log`. */
  category: 'host' | 'system' | 'user'
  function?: string
  message: string
}

export type Log = (line: LogLine) => void

const quiet: readonly LogLevel[] = ['trace', 'debug', 'none']

/** The default: information and above, to standard output. */
export const logToStdout: Log = ({ level, category, function: name, message }) => {
  if (quiet.includes(level)) return
  const who = category === 'user' && name !== undefined ? `${name}: ` : ''
  process.stdout.write(`[functions] ${level === 'information' ? '' : `${level} `}${who}${message}\n`)
}

/** A failure in words: the stack where there is one (the host prints the exception of a failed invocation too). */
export const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))
