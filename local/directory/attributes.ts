/**
 * The attributes of one entry: names without regard to case, values as octets, in the order they were first set.
 *
 * An attribute without values does not exist. `copy` gives a modify its draft, so that a refused request leaves nothing behind;
 * the two share what neither has set since, and nobody changes values in place.
 */
import type { AttributeValues } from './codec.ts'

export type Value = Buffer | string | bigint | number

const octetsOf = (value: Value): Buffer => (Buffer.isBuffer(value) ? value : Buffer.from(String(value), 'utf8'))

export class Attributes {
  readonly #held = new Map<string, AttributeValues>()

  static from(values: Record<string, Value | readonly Value[] | undefined>): Attributes {
    const attributes = new Attributes()
    for (const [name, value] of Object.entries(values)) {
      if (value !== undefined) attributes.set(name, ...(Array.isArray(value) ? value : [value]))
    }
    return attributes
  }

  set(name: string, ...values: Value[]): void {
    if (values.length === 0) this.#held.delete(name.toLowerCase())
    else this.#held.set(name.toLowerCase(), { name, values: values.map(octetsOf) })
  }

  values(name: string): readonly Buffer[] {
    return this.#held.get(name.toLowerCase())?.values ?? []
  }

  texts(name: string): string[] {
    return this.values(name).map((value) => value.toString('utf8'))
  }

  text(name: string): string | undefined {
    return this.values(name)[0]?.toString('utf8')
  }

  /** Undefined when absent; values of integer syntax are validated when they are written. */
  integer(name: string): bigint | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : BigInt(text)
  }

  number(name: string): number {
    return Number(this.integer(name) ?? 0n)
  }

  all(): readonly AttributeValues[] {
    return [...this.#held.values()]
  }

  copy(): Attributes {
    const copy = new Attributes()
    for (const [key, attribute] of this.#held) copy.#held.set(key, attribute)
    return copy
  }
}
