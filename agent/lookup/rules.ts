/**
 * Synchronization rules: who is in scope, in which forest, and what makes an account the one a source anchor means.
 *
 * Of several accounts that go by one anchor the rule with the lowest number wins; equal numbers are for nobody to choose
 * between. The names follow Microsoft Entra Connect's synchronization engine, whose rules these repeat.
 */
import { createHash } from 'node:crypto'
import type { View } from '../directory/account.ts'
import { domainOf } from './dn.ts'

export interface Rule extends View {
  name: string
  forest: string
  baseDn: string
  /** The lowest wins. */
  precedence: number
  enabled: boolean
}

/** DNS name, lower case, of the domain a rule looks into. */
export const domainOfRule = ({ baseDn }: Pick<Rule, 'baseDn'>): string => domainOf(baseDn) ?? ''

export const byPrecedence = (a: Rule, b: Rule): number => a.precedence - b.precedence

/** Changes whenever a rule does: what was found under other rules is found anew. */
export const fingerprintOf = (rules: readonly Rule[]): string =>
  createHash('sha256')
    .update(
      JSON.stringify(
        rules.map(({ name, forest, baseDn, filter, anchor, precedence, enabled }) => [
          name,
          forest,
          baseDn,
          filter ?? null,
          anchor,
          precedence,
          enabled,
        ]),
      ),
    )
    .digest('base64url')
    .slice(0, 16)
