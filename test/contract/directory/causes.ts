/**
 * Every cause for which a password is not set, or an account not unlocked, as a table; run against both kinds of forest.
 *
 * The rows are in `causes/`. A row is an account (`arrange`), one write to it as the service account (`attempt`) and the raw
 * answer (`expected`).
 */
import { EqualityFilter } from 'ldapts'
import { afterEach, describe, expect, test } from 'vitest'
import { permissionCauses, protectedCauses, stateCauses } from './causes/account.ts'
import { type Cause, expectedOn } from './causes/cause.ts'
import { changeCauses, lockoutCauses } from './causes/change.ts'
import { domainCauses, fineGrainedCauses } from './causes/policy.ts'
import type { ForestKind, Forests } from './forests.ts'

export const causes: readonly Cause[] = [
  ...domainCauses,
  ...fineGrainedCauses,
  ...stateCauses,
  ...protectedCauses,
  ...permissionCauses,
  ...changeCauses,
  ...lockoutCauses,
]

export function causesContract(kind: ForestKind, forests: () => Forests): void {
  describe(`every cause, ${kind}`, () => {
    afterEach(() => Promise.all([forests().corp, forests().north].map((lab) => lab.restorePolicy())))

    test('a fine-grained policy is read by whom it was let, and by nobody else', async () => {
      const { corp } = forests()
      // Samba shows the entry without its contents, local/directory does not show it.
      const lengthIn = async (dn: string) => {
        const options = { scope: 'sub', filter: new EqualityFilter({ attribute: 'distinguishedName', value: dn }) } as const
        const attributes = ['msDS-MinimumPasswordLength']
        const { searchEntries } = await corp.service.search(`CN=System,${corp.baseDn}`, { ...options, attributes })
        return [searchEntries[0]?.['msDS-MinimumPasswordLength'] ?? []].flat()
      }
      const { dn } = await corp.person()
      const hidden = await corp.finePolicy(dn, { minLength: 13 })
      const { searchEntries } = await corp.service.search(dn, { scope: 'base', attributes: ['msDS-ResultantPSO'] })
      expect(searchEntries[0]?.['msDS-ResultantPSO']).toBe(hidden)
      expect(await lengthIn(hidden)).toEqual([])
      await corp.letRead(hidden)
      expect(await lengthIn(hidden)).toEqual(['13'])
      const other = await corp.finePolicy((await corp.person()).dn, { minLength: 14 })
      expect(await lengthIn(other)).toEqual([])
    })

    test.each(causes)('$operation: $name', async ({ arrange, attempt, expected, after, bindAfter }) => {
      const scene = await arrange(forests())
      expect(await attempt(scene)).toBe(expectedOn(kind, expected))
      const { lab, user, password } = scene
      if (after !== undefined) expect(await lab.facts(user.sam)).toMatchObject(after)
      if (bindAfter !== undefined) expect(await lab.bind(user.dn, password)).toBe(bindAfter)
    })
  })
}
