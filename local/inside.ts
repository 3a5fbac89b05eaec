/**
 * A stand-in in this process, which looks like one in a process of its own: nine processes need four seconds of processor time to
 * start, most of it to load the same libraries, and tests start two dozen systems.
 *
 * What goes in and comes out is copied as the channel would copy it: nobody holds what a stand-in goes on to change.
 */
import { type OptionsOf, type PartName, parts } from './parts.ts'
import type { Remote } from './process.ts'
import type { StandIn } from './stand-in.ts'

const copied = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value)))

export async function startInside<N extends PartName>(name: N, options: OptionsOf<N>): Promise<Remote<N>> {
  const begin = (await parts[name]()) as (options: unknown) => Promise<StandIn>
  return asRemote(name, await begin(copied(options)))
}

/** `kill` is an end like any other: what runs here cannot crash alone. */
export function asRemote<N extends PartName>(name: N, { addresses, control, close }: StandIn): Remote<N> {
  const call = async (method: string, ...args: unknown[]): Promise<unknown> => {
    const found = control[method]
    if (!found) throw new Error(`${name} has no control '${method}'`)
    return copied(await found(...copied(args)))
  }
  let closing: Promise<void> | undefined
  const closeOnce = () => {
    closing ??= close()
    return closing
  }
  return { name, pid: process.pid, addresses, call, close: closeOnce, kill: closeOnce } as unknown as Remote<N>
}
