/**
 * A password nobody has chosen: 16 characters of four kinds, none that looks like another one, all equally likely.
 *
 * Drawn anew until all kinds are there, which favours none of those that fit. About 93 bits.
 */
import { randomInt } from 'node:crypto'
import { passwordLimits } from '../../shared/password.ts'
import { Secret } from '../../shared/secret.ts'
import type { CheckPassword } from '../policy/check.ts'
import type { PolicyOf } from '../relay/domain-policy.ts'
import type { FlowPerson } from '../reset/flow.ts'

const kinds = ['ABCDEFGHJKLMNPQRSTUVWXYZ', 'abcdefghijkmnpqrstuvwxyz', '23456789', '!#%+-=?@'] as const
const all = kinds.join('')
export const generatedLength = 16

export interface GenerateDeps {
  policyOf: PolicyOf
  checkPassword: CheckPassword
}

/** As long as the person's domain wants it, and nothing that a person could not choose either. */
export const createGenerate =
  ({ policyOf, checkPassword }: GenerateDeps) =>
  async (person: FlowPerson): Promise<string> => {
    const { minLength = 0 } = (await policyOf(person.domainName)) ?? {}
    for (;;) {
      const text = generatePassword(Math.min(minLength, passwordLimits.maxUnits))
      using password = Secret.fromText(text)
      if ((await checkPassword(password, person)) === undefined) return text
    }
  }

export function generatePassword(minLength = 0): string {
  for (;;) {
    const text = Array.from({ length: Math.max(minLength, generatedLength) }, () => all[randomInt(all.length)]).join('')
    if (kinds.every((kind) => [...text].some((each) => kind.includes(each)))) return text
  }
}
