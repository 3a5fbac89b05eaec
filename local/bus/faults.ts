/**
 * What a test may order to go wrong, and how often.
 *
 * Each fault is a plain record; the code it disturbs asks for it by kind at the point where it takes effect. `count` is
 * used up one by one; without it the fault stays until `clear`.
 */
const faultKinds = [
  /** Sends are rejected, by default with server-busy. */
  'rejectSends',
  /** Sends are neither stored nor answered. */
  'ignoreSends',
  /** Sends are stored and never answered. */
  'sendsInDoubt',
  /** put-token is answered with 401. */
  'refuseTokens',
  /** put-token is never answered. */
  'ignoreTokens',
  /** Settling a message has no effect and gets no answer. */
  'ignoreSettlements',
  /** Settling a message takes effect and gets no answer. */
  'settlementsInDoubt',
  /** Completing a message is answered as done, and lost with its lock, as when the node that took it fails over: it is delivered again at once. */
  'repeatDeliveries',
  /** A message is stored at once and there for receivers `ms` later; in a session those behind it wait too. */
  'delayMessages',
  /** Nothing is delivered from the queue. */
  'holdQueue',
  /** The newest message is delivered first. Sessions keep their order, as the service promises of them alone. */
  'newestFirst',
] as const
export type FaultKind = (typeof faultKinds)[number]

export type FaultSpec = {
  kind: FaultKind
  /** Without it the fault is on every queue. Tokens have no queue. */
  queue?: string
  count?: number
  /** Error condition of a rejected send. */
  condition?: string
  /** How late a delayed message is. */
  ms?: number
}

export class Faults {
  #ordered: FaultSpec[] = []

  /** @throws Error for a kind that does not exist: orders come from other processes too, and a typing error must not pass as a quiet day. */
  order(spec: FaultSpec): void {
    if (!faultKinds.includes(spec.kind)) throw new Error(`no fault '${spec.kind}' among ${faultKinds.join(', ')}`)
    this.#ordered.push({ ...spec })
  }

  clear(): void {
    this.#ordered = []
  }

  #find(kind: FaultKind, queue?: string): FaultSpec | undefined {
    const concerns = (spec: FaultSpec) => spec.queue === undefined || spec.queue.toLowerCase() === queue?.toLowerCase()
    return this.#ordered.find((spec) => spec.kind === kind && concerns(spec))
  }

  /** The fault to act out now, if one is ordered; it is used up by one. */
  take(kind: FaultKind, queue?: string): FaultSpec | undefined {
    const spec = this.#find(kind, queue)
    if (spec?.count !== undefined) {
      spec.count -= 1
      if (spec.count <= 0) this.#ordered = this.#ordered.filter((other) => other !== spec)
    }
    return spec
  }

  /** A state rather than an event: nothing is used up. */
  stands(kind: 'holdQueue' | 'newestFirst', queue: string): boolean {
    return this.#find(kind, queue) !== undefined
  }
}
