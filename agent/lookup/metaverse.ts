/**
 * The metaverse: what belongs together across forests because it goes by one source anchor, and which of it is the account.
 *
 * An account that several rules hold counts under the best of them. Two accounts under rules of equal precedence are
 * ambiguous: choosing would be guessing whose password to set.
 */
import type { ConnectorSpaceObject } from './connector-space.ts'
import { byPrecedence } from './rules.ts'

export type Joined = { kind: 'none' } | { kind: 'one'; object: ConnectorSpaceObject } | { kind: 'ambiguous' }

export function join(objects: readonly ConnectorSpaceObject[]): Joined {
  const best = new Map<string, ConnectorSpaceObject>()
  for (const object of [...objects].sort((a, b) => byPrecedence(a.rule, b.rule))) {
    const account = `${object.user.domain} ${object.user.guid.toString('hex')}`
    if (!best.has(account)) best.set(account, object)
  }
  const [first, second] = best.values()
  if (!first) return { kind: 'none' }
  return second && second.rule.precedence === first.rule.precedence ? { kind: 'ambiguous' } : { kind: 'one', object: first }
}
