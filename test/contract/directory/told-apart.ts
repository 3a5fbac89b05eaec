/**
 * Every cause told apart: for each row of the causes, what the agent answers. The rows say what a server does when asked
 * plainly; the agent looks first, asks once, and explains.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { failures } from '../../../agent/handle.ts'
import { unlock } from '../../../agent/look-only.ts'
import { reset } from '../../../agent/reset.ts'
import { isFault } from '../../../shared/fault.ts'
import type { AgentOutcome } from '../../../shared/outcome-code.ts'
import { firstJob, openForests } from './agent-forests.ts'
import type { Cause, Scene } from './causes/cause.ts'
import { causes } from './causes.ts'
import type { ForestKind, Forests } from './forests.ts'

type Kind = AgentOutcome['kind']
type Told = Kind | Record<ForestKind, Kind>

/** By the name of the cause; `done` where nothing is said. */
const told: Readonly<Record<string, Told>> = {
  length: 'policy.length',
  'length, empty': 'policy.length',
  complexity: 'policy.complexity',
  'account name in the password': { samba: 'done', 'stand-in': 'policy.containsName' },
  'display name part in the password': { samba: 'done', 'stand-in': 'policy.containsName' },
  'minimum age': 'policy.minAge',
  'minimum age, change': 'policy.minAge',
  'history, the present one': 'policy.history',
  'history, the previous one': 'policy.history',
  'history, the oldest that counts': 'policy.history',
  'history, change': 'policy.history',
  // Where a history is kept nobody but the server can tell the two apart.
  filter: 'policy.history',
  'filter, change': 'policy.history',
  'filter, no history kept': 'policy.filter',
  // A policy that may not be read explains nothing.
  'fine-grained length': 'policy.filter',
  'fine-grained length, readable': 'policy.length',
  'fine-grained by a group': 'policy.filter',
  'fine-grained minimum age': 'policy.filter',
  'fine-grained history': 'policy.filter',
  disabled: 'accountDisabled',
  expired: 'accountExpired',
  'smart card required': 'smartCardRequired',
  'protected, direct': 'protectedAccount',
  // Done by hand, it takes away reading as well, and Samba then shows nothing of the account; Windows's own list does not.
  'protected, direct, after SDProp': { samba: 'permissionDenied', 'stand-in': 'protectedAccount' },
  'protected, nested, before SDProp': 'protectedAccount',
  'protected, nested twice, before SDProp': 'protectedAccount',
  'protected, primary group, before SDProp': 'protectedAccount',
  'protected, adminCount alone': 'protectedAccount',
  'permission missing': 'permissionDenied',
  'permission missing, unlock': 'permissionDenied',
  'permission missing, reset and unlock': 'permissionDenied',
  'moved out of the scope': 'permissionDenied',
  'inheritance blocked': 'permissionDenied',
  'inheritance blocked, unlock': 'permissionDenied',
  'inheritance blocked above': 'permissionDenied',
  gone: 'userNotFound',
  'change, wrong old password': 'wrongPassword',
  'change, old and new are wrong': 'wrongPassword',
  'change, locked': 'accountLocked',
  'change, locked, wrong old password': 'accountLocked',
  'change, too short': 'policy.length',
  'change, account expired': 'accountExpired',
  'change, disabled': 'accountDisabled',
  'change, cannot change': 'cannotChange',
  'change, smart card required': 'smartCardRequired',
  // One more wrong attempt would lock the account: the password is not even shown to the directory.
  'one bad bind below the threshold': 'accountLocked',
  'the wrong old password that locks': 'accountLocked',
  'locked by bad binds': 'accountLocked',
  'locked by a fine-grained threshold': 'accountLocked',
  'unlock a protected account, after SDProp': 'permissionDenied',
}

const flagsOf: Partial<Record<Cause['operation'], number>> = { resetAndUnlock: 1, unlock: 1 }
/** The agent demands a change only after a reset: no operation of its own. */
const asked = causes.filter(({ operation }) => operation !== 'demandChange')

export function toldApartContract(kind: ForestKind, forests: () => Forests): void {
  describe(`every cause told apart, ${kind}`, () => {
    afterEach(() => Promise.all([forests().corp, forests().north].map((lab) => lab.restorePolicy())))

    test('no row is about a cause that is not there', () => {
      const names = causes.map(({ name }) => name)
      expect(Object.keys(told).filter((name) => !names.includes(name))).toEqual([])
    })

    test.each(asked)('$operation: $name', async ({ name, operation, arrange }) => {
      const scene = await arrange(forests())
      const expected = told[name] ?? 'done'
      const outcome = await ask(scene, operation)
      expect(outcome.kind).toBe(typeof expected === 'string' ? expected : expected[kind])
      if (outcome.kind === 'policy.minAge') expect(outcome.retryAt).toBeGreaterThan(Date.now())
      if (outcome.kind === 'policy.length') expect(outcome.minLength).toBeGreaterThan(scene.password.length)
    })

    async function ask({ user, password, oldPassword }: Scene, operation: Cause['operation']): Promise<AgentOutcome> {
      // Another one each time: an agent keeps a policy for a minute.
      const directory = openForests(forests())
      const request = { sourceAnchor: user.immutableId, flags: flagsOf[operation] ?? 0 }
      const job = firstJob(request, operation === 'change' ? { password, oldPassword } : { password })
      try {
        return (await (operation === 'unlock' ? unlock : reset)(job, directory)).outcome
      } catch (error) {
        // Where inheritance is blocked the service account may not even look: as the agent says it, a right is missing.
        const failure = isFault(error) ? failures[error.code] : undefined
        if (failure === undefined) throw error
        return { kind: failure.outcome }
      } finally {
        directory.close()
      }
    }
  })
}
