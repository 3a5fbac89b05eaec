/**
 * Duplicate detection: which message ids a queue has accepted within its window.
 *
 * A second send within the window is accepted and dropped. The window counts from the first send and is not prolonged by
 * the second ("Duplicate message detection").
 */
export class AcceptedIds {
  readonly #windowMs: number
  /** messageId → end of its window; insertion order is order of ends, because the window is constant. */
  readonly #until = new Map<string, number>()

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  /** Remembers the id; false when it is remembered already. */
  add(messageId: string, now: number): boolean {
    if (this.#windowMs === 0) return true
    for (const [id, until] of this.#until) {
      if (until > now) break
      this.#until.delete(id)
    }
    if (this.#until.has(messageId)) return false
    this.#until.set(messageId, now + this.#windowMs)
    return true
  }
}
