/**
 * A process that is one stand-in: told what to be over its parent's channel, and gone when the parent is.
 *
 * In:  { kind: 'start', options } then { kind: 'call', id, method, args } … ; out: 'ready' with addresses, 'result' or 'failed'.
 */
import { type PartName, parts } from './parts.ts'
import type { StandIn } from './stand-in.ts'

export type ToChild = { kind: 'start'; options: unknown } | { kind: 'call'; id: number; method: string; args: unknown[] }
export type FromChild =
  | { kind: 'ready'; addresses: Record<string, number | string> }
  | { kind: 'broken'; message: string }
  | { kind: 'result'; id: number; value: unknown }
  | { kind: 'failed'; id: number; message: string }

const name = process.argv[2] as PartName
const say = (message: FromChild) => process.send?.(message)
let standIn: StandIn | undefined

process.on('message', (message: ToChild) => void (message.kind === 'start' ? start(message.options) : call(message)))
process.on('disconnect', stop)
process.on('SIGTERM', stop)
// Ctrl-C reaches the whole process group; the parent decides the order in which things end.
process.on('SIGINT', () => {})

async function start(options: unknown): Promise<void> {
  try {
    const begin = (await parts[name]()) as (options: unknown) => Promise<StandIn>
    standIn = await begin(options)
    say({ kind: 'ready', addresses: standIn.addresses })
  } catch (error) {
    say({ kind: 'broken', message: messageOf(error) })
  }
}

async function call({ id, method, args }: ToChild & { kind: 'call' }): Promise<void> {
  try {
    const found = standIn?.control[method]
    if (!found) throw new Error(`${name} has no control '${method}'`)
    say({ kind: 'result', id, value: await found(...args) })
  } catch (error) {
    say({ kind: 'failed', id, message: messageOf(error) })
  }
}

let stopping = false
function stop(): void {
  if (stopping) return
  stopping = true
  void Promise.resolve(standIn?.close())
    .catch(() => {})
    .finally(() => process.exit(0))
}

const messageOf = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error))
