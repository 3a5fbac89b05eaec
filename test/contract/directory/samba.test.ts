import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readiness, startSamba } from '../../../local/samba/samba.ts'
import { Secret } from '../../../shared/secret.ts'
import { always, type Bench, first, fresh, makeBench, nothing } from './bench.ts'
import { directoryContract } from './contract.ts'

const ready = await readiness()

if (ready.kind === 'ready') {
  directoryContract('Samba', () => startSamba(), { 'where it allows more than Windows': ownNames })
  describe('Samba, as Windows is by default', previousPasswords)
} else {
  // Said aloud on a laptop; in CI the contract must have been run.
  test(`not run: ${ready.what}`, () => {
    process.stderr.write(`\n  The directory contract was NOT run against Samba: ${ready.what}\n\n`)
    expect(process.env['CI'], ready.what).toBeFalsy()
  })
}

/** OldPasswordAllowedPeriod: for an hour the password before the present one is taken in a bind, too. */
function previousPasswords() {
  const bench = makeBench(() => startSamba({ oldPasswordMinutes: 60 }))
  beforeAll(() => bench.start())
  afterAll(() => bench.close())

  test('a bind proves that a password was set lately, not that it is the present one', async () => {
    const { immutableId } = await bench.newUser()
    const user = await bench.find(immutableId)
    await bench.directory.setPassword(user, Secret.fromText(fresh), nothing, always)
    expect(await bench.directory.provePassword(user, Secret.fromText(fresh))).toBe('right')
    expect(await bench.directory.provePassword(user, Secret.fromText(first))).toBe('right')
    expect(await bench.directory.provePassword(user, Secret.fromText('Wrong!Pass2026'))).toBe('wrong')
  })

  test('the one before that is wrong', async () => {
    const { immutableId } = await bench.newUser()
    const user = await bench.find(immutableId)
    for (const password of [fresh, `${fresh}8`]) await bench.directory.setPassword(user, Secret.fromText(password), nothing, always)
    expect(await bench.directory.provePassword(user, Secret.fromText(first))).toBe('wrong')
  })
}

/** Samba does not look for names, so a password with one inside can be of the past. Windows would never have taken it. */
function ownNames(bench: Bench) {
  test("one's name in a password is taken; refused as one of the past, it is called by the rule of names", async () => {
    const { immutableId } = await bench.newUser({ displayName: 'Ada Lovelace' })
    const user = await bench.find(immutableId)
    const named = Secret.fromText('My-Lovelace-1843')
    expect(await bench.directory.setPassword(user, named, nothing, always)).toEqual({ kind: 'done' })
    const again = await bench.directory.setPassword(user, named, nothing, always)
    if (again.kind !== 'refused') throw new Error(again.kind)
    expect(await bench.directory.diagnose(user, named, again)).toEqual({ kind: 'policy.containsName' })
  })
}
