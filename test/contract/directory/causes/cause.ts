/**
 * One cause: how an account comes to be as it is, what is tried then as the service account, and what the directory answers.
 *
 * `expected` is the LDAP code with the eight leading digits of the text, as `outcome` reads them; `0` is done. Where the two
 * servers differ, both answers stand there with the reason.
 */
import type { Change } from 'ldapts'
import { change, changeOf, outcome, PolicyHints, reset } from '../../../../local/directory/testing.ts'
import type { UserFacts } from '../../../../local/samba/control.ts'
import { first, fresh } from '../bench.ts'
import type { ForestKind, Forests } from '../forests.ts'
import type { Lab, NewPerson } from '../lab.ts'

/** The account as it was arranged, and the passwords of the attempt. */
export interface Scene {
  lab: Lab
  user: UserFacts
  /** The new one. */
  password: string
  /** What is given for the present one; of a change. */
  oldPassword: string
}

export type Operation = 'reset' | 'resetAndUnlock' | 'change' | 'unlock' | 'demandChange'

export type Expected = string | ({ [K in ForestKind]: string } & { why: string })

export interface Cause {
  name: string
  operation: Operation
  arrange(forests: Forests): Promise<Scene>
  attempt(scene: Scene): Promise<string>
  expected: Expected
  /** What of the account is seen after the attempt. */
  after?: Partial<UserFacts>
  /** What a bind with the new password says after the attempt. */
  bindAfter?: string
}

const unlock = change('replace', 'lockoutTime', '0')

const changesOf: Readonly<Record<Operation, (scene: Scene) => Change[]>> = {
  reset: ({ password }) => reset(password),
  resetAndUnlock: ({ password }) => [...reset(password), unlock],
  change: ({ oldPassword, password }) => changeOf(oldPassword, password),
  unlock: () => [unlock],
  demandChange: () => [change('replace', 'pwdLastSet', '0')],
}

/** As the product does it: named by GUID, a reset with the policy hints. */
const attempt =
  (operation: Operation) =>
  ({ lab, ...scene }: Scene): Promise<string> => {
    const hints = operation.startsWith('reset') ? new PolicyHints() : undefined
    const changes = changesOf[operation]({ lab, ...scene })
    return outcome(lab.service.modify(`<GUID=${scene.user.objectGuid}>`, changes, hints))
  }

export interface Arrangement {
  person?: NewPerson
  /** corp if absent. */
  forest?: 'corp' | 'north'
  password?: string | ((user: UserFacts) => string)
  oldPassword?: string
  /** What is done to the account before the attempt. */
  prepare?(lab: Lab, user: UserFacts): Promise<unknown>
}

type Rest = Pick<Cause, 'after' | 'bindAfter'>

export const cause = (name: string, operation: Operation, arrangement: Arrangement, expected: Expected, rest: Rest = {}): Cause => ({
  name,
  operation,
  async arrange(forests) {
    const { person = {}, forest = 'corp', password = fresh, oldPassword = person.password ?? first, prepare } = arrangement
    const lab = forests[forest]
    const user = await lab.person(person)
    await prepare?.(lab, user)
    return { lab, user, oldPassword, password: typeof password === 'string' ? password : password(user) }
  },
  attempt: attempt(operation),
  expected,
  ...rest,
})

export const restriction = { reset: '53 0000052D', change: '19 0000052D' } as const

/** Of a password. The right on an attribute is refused with the same digits by both. */
export const denied: Expected = { samba: '50', 'stand-in': '50 00002098', why: 'Samba gives no digits for a password' }

export const expectedOn = (kind: ForestKind, expected: Expected): string => (typeof expected === 'string' ? expected : expected[kind])
