/**
 * A password nobody has chosen: 16 characters of four kinds, none that looks like another one, all equally likely.
 *
 * Drawn anew until all kinds are there, which favours none of those that fit. About 93 bits. And until the person's domain and
 * the tenant's policy have nothing against it: four letters of it may be a banned word by chance.
 */
import { randomInt } from 'node:crypto'
import { Secret } from '../../shared/secret.ts'
import type { CheckPassword } from '../policy/check.ts'
import type { PolicyOf } from '../relay/domain-policy.ts'
import type { FlowPerson } from '../reset/flow.ts'

const kinds = ['ABCDEFGHJKLMNPQRSTUVWXYZ', 'abcdefghijkmnpqrstuvwxyz', '23456789', '!#%+-=?@'] as const
const all = kinds.join('')
export const generatedLength = 16

export function generatePassword(minLength = 0): string {
  for (;;) {
    const text = Array.from({ length: Math.max(minLength, generatedLength) }, () => all[randomInt(all.length)]).join('')
    if (kinds.every((kind) => [...text].some((each) => kind.includes(each)))) return text
  }
}

/** With words that refuse nearly everything the last one is as good as any: it is refused where it is used, and that is told. */
const maxDraws = 20

export const createGenerate =
  ({ policyOf, checkPassword }: { policyOf: PolicyOf; checkPassword: CheckPassword }) =>
  async (person: Pick<FlowPerson, 'domainName' | 'names'>): Promise<string> => {
    const minLength = person.domainName === undefined ? undefined : (await policyOf(person.domainName))?.minLength
    for (let draw = 1; ; draw++) {
      const text = generatePassword(minLength)
      using secret = Secret.fromText(text)
      if (draw === maxDraws || !(await checkPassword(secret, person))) return text
    }
  }
