/**
 * What tests can break: a list of faults, each good for a number of operations, taken in the order they were set.
 *
 * `hang` holds the operation and all behind it on that connection until the faults are cleared, and then carries it out, as
 * a stalled server does with what its buffers hold, whether or not the client is still there.
 *
 * `slowDown` is no fault but a limit: a controller that takes one change after another, whatever the connection, and so long
 * for each. What it takes in a second is known then.
 */
import type { Clock } from '../../shared/clock.ts'
import type { Request } from './codec.ts'

export type FaultKind = 'hang' | 'dropAfterWrite' | 'dropBeforeWrite' | 'busy' | 'unavailable'

export interface DirectoryFault {
  kind: FaultKind
  /** Only these operations meet the fault; every one if not given. */
  operation?: Request['kind']
  /** How many operations meet it; 1 if not given. */
  count?: number
}

export class Faults {
  #planned: { kind: FaultKind; operation: Request['kind'] | undefined; left: number }[] = []
  #cleared = Promise.withResolvers<void>()
  #held = Promise.withResolvers<void>()
  readonly #clock: Pick<Clock, 'sleep'>
  #modifyMs = 0
  #modifying = Promise.resolve()

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = clock
  }

  plan({ kind, operation, count = 1 }: DirectoryFault): void {
    this.#planned.push({ kind, operation, left: count })
  }

  /** The fault this operation meets, if any. */
  take(operation: Request['kind']): FaultKind | undefined {
    if (operation === 'unbind' || operation === 'abandon') return undefined
    const fault = this.#planned.find((planned) => planned.left > 0 && (planned.operation === undefined || planned.operation === operation))
    if (fault === undefined) return undefined
    fault.left -= 1
    return fault.kind
  }

  /** For the operation that hangs: resolves when the faults are cleared. */
  hold(): Promise<void> {
    this.#held.resolve()
    return this.#cleared.promise
  }

  /** For a test: resolves once an operation hangs. */
  whenHeld(): Promise<void> {
    return this.#held.promise
  }

  /** From now on; 0: as fast as it can. */
  slowDown(modifyMs: number): void {
    this.#modifyMs = modifyMs
  }

  /** Resolves when this operation has taken as long as it is to take, and every one before it. */
  pass(operation: Request['kind']): Promise<void> {
    if (operation !== 'modify' || this.#modifyMs === 0) return Promise.resolve()
    this.#modifying = this.#modifying.then(() => this.#clock.sleep(this.#modifyMs))
    return this.#modifying
  }

  clear(): void {
    this.#modifyMs = 0
    this.#planned = []
    this.#cleared.resolve()
    this.#cleared = Promise.withResolvers<void>()
    this.#held = Promise.withResolvers<void>()
  }
}
