/** The product's own client, over the same server: find, set, prove. */
import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Secret } from '../../../shared/secret.ts'
import { always, type Bench, first, fresh, nothing } from './bench.ts'

export function agentContract(bench: Bench): void {
  const secret = Secret.fromText
  const newPerson = async (spec: Parameters<Bench['newUser']>[0] = {}) => {
    const facts = await bench.newUser(spec)
    return { facts, user: await bench.find(facts.immutableId) }
  }

  test('finds the PDC emulator and says what it read', async () => {
    const policy = { minLength: 10, historyLength: 5, complexity: true, minAgeMinutes: 0, lockoutThreshold: 10, lockoutMinutes: 30 }
    expect(await bench.open().facts()).toMatchObject([{ reachable: true, policy }])
  })

  describe('finds', () => {
    test('everybody in the sample by their source anchor', async () => {
      for (const { sam, dn, displayName, immutableId } of bench.forest.users) {
        expect(await bench.find(immutableId), sam).toMatchObject({ accountName: sam, dn, displayName })
      }
    })

    test('an account by its ConsistencyGuid, and then no longer by its objectGUID', async () => {
      const { accountName, guid } = await bench.find(bench.sample('carol.clark').immutableId)
      expect(accountName).toBe('carol.clark')
      expect(await bench.directory.locate(guid.toString('base64'))).toEqual({ kind: 'notLinked', condition: 'metaverse' })
    })

    test('nobody by an anchor that nobody has, or that is none', async () => {
      for (const anchor of [Buffer.alloc(16, 7).toString('base64'), '', '*', 'alice.adams', 'AAAA']) {
        expect(await bench.directory.locate(anchor)).toEqual({ kind: 'userNotFound' })
      }
    })

    test('two that carry one anchor, made from neither, and chooses neither', async () => {
      const anchor = randomBytes(16).toString('base64')
      for (const { dn } of [await bench.newUser(), await bench.newUser()]) {
        await bench.subject.control.setAttributes(dn, { 'mS-DS-ConsistencyGuid': anchor })
      }
      expect(await bench.directory.locate(anchor)).toEqual({ kind: 'ambiguousUser' })
    })

    test('the owner of an anchor that somebody else copied', async () => {
      const { facts } = await newPerson()
      const other = await bench.newUser()
      await bench.subject.control.setAttributes(other.dn, { 'mS-DS-ConsistencyGuid': facts.immutableId })
      expect(await bench.directory.locate(facts.immutableId)).toMatchObject({ kind: 'user', user: { accountName: facts.sam } })
    })

    test('what is decided about them', async () => {
      expect(await bench.find(bench.sample('frank.locked').immutableId)).toMatchObject({ lockedOut: true })
      expect(await bench.find(bench.sample('grace.must').immutableId)).toMatchObject({ pwdLastSet: 0n, lockedOut: false })
    })
  })

  describe('sets', () => {
    test.each([fresh, 'Grüße-🙂-2026', 'Pass"word\\"-7', 'Пароль-密码-77', `Aa1-x${'🙂'.repeat(61)}`])('%s', async (password) => {
      const { facts, user } = await newPerson()
      expect(await bench.directory.setPassword(user, secret(password), nothing, always)).toEqual({ kind: 'done' })
      expect(await bench.bind(facts.dn, password)).toBe('0')
      expect(await bench.subject.control.user(facts.dn)).toMatchObject({ passwordWrites: 1 })
    })

    test('for everybody with an odd name', async () => {
      for (const { sam, dn, immutableId } of bench.forest.users.filter((each) => each.sam.startsWith('odd.'))) {
        const password = `${fresh}-${sam.length}`
        expect(await bench.directory.setPassword(await bench.find(immutableId), secret(password), nothing, always), sam).toEqual({
          kind: 'done',
        })
        expect(await bench.bind(dn, password), sam).toBe('0')
      }
    })

    test('and unlocks, and demands a change', async () => {
      const { facts, user } = await newPerson({ traits: ['locked'] })
      expect(await bench.directory.setPassword(user, secret(fresh), { unlock: true, mustChange: true }, always)).toEqual({ kind: 'done' })
      expect(await bench.subject.control.user(facts.dn)).toMatchObject({ locked: false, mustChange: true, passwordWrites: 1 })
      expect(await bench.bind(facts.dn, fresh)).toBe('49 773')
    })

    test('and says so when "must change" was refused', async () => {
      const { facts, user } = await newPerson()
      const { control, forest } = bench.subject
      const { dn, scope } = forest.serviceAccount
      await control.revoke(dn)
      await control.grant(dn, scope, ['resetPassword'])
      const result = await bench.directory.setPassword(user, secret(fresh), { unlock: false, mustChange: true }, always)
      await control.grant(dn, scope, ['changePassword', 'lockoutTime', 'pwdLastSet'])
      expect(result).toMatchObject({ kind: 'done', extrasRefused: { ldapCode: 50 } })
      expect(await bench.bind(facts.dn, fresh)).toBe('0')
    })

    test('nothing when it may not begin', async () => {
      const { facts, user } = await newPerson()
      expect(await bench.directory.setPassword(user, secret(fresh), nothing, () => false)).toEqual({ kind: 'notBegun' })
      expect(await bench.subject.control.user(facts.dn)).toMatchObject({ passwordWrites: 0 })
    })

    test('the extras alone', async () => {
      const { facts, user } = await newPerson({ traits: ['locked'] })
      expect(await bench.directory.finish(user, { unlock: true, mustChange: false })).toEqual({ kind: 'done' })
      expect(await bench.subject.control.user(facts.dn)).toMatchObject({ locked: false, mustChange: false, passwordWrites: 0 })
    })
  })

  describe('knows who is protected', () => {
    test.each([
      ['alice.adams', false],
      ['heidi.admin', true],
      ['ivan.nested', true],
    ])('%s: %s', async (sam, expected) => {
      expect(await bench.find(bench.sample(sam).immutableId)).toMatchObject({ protected: expected })
    })

    test('a member of a protected primary group that nobody has marked', async () => {
      const { facts } = await newPerson({ traits: ['protected'] })
      await bench.subject.control.setAttributes(facts.dn, { primaryGroupID: '512' })
      await bench.subject.control.setAttributes(facts.dn, { adminCount: null })
      expect(await bench.find(facts.immutableId)).toMatchObject({ protected: true })
    })
  })

  describe('proves', () => {
    test.each([
      [[], 'right', 'wrong'],
      [['disabled'], 'right', 'wrong'],
      [['expired'], 'right', 'wrong'],
      [['mustChange'], 'right', 'wrong'],
      [['locked'], 'unsure', 'unsure'],
    ] as const)('%j: the password is %s, another is %s', async (traits, right, wrong) => {
      const { user } = await newPerson({ traits: [...traits] })
      expect(await bench.directory.provePassword(user, secret(first))).toBe(right)
      expect(await bench.directory.provePassword(user, secret(fresh))).toBe(wrong)
    })

    test('nothing by an empty password', async () => {
      const { user } = await newPerson()
      expect(await bench.directory.provePassword(user, secret(''))).toBe('unsure')
    })

    test('what it has set itself', async () => {
      const { user } = await newPerson()
      await bench.directory.setPassword(user, secret(fresh), nothing, always)
      expect(await bench.directory.provePassword(user, secret(fresh))).toBe('right')
      expect(await bench.directory.provePassword(user, secret(first))).toBe('wrong')
    })
  })

  describe('the state of the password', () => {
    test('its time is the one of the last set, by the same clock', async () => {
      const { facts, user } = await newPerson()
      const before = await bench.directory.passwordState(user)
      await bench.directory.setPassword(user, secret(fresh), nothing, always)
      const after = await bench.directory.passwordState(user)
      expect(after.pwdLastSet).toBeGreaterThan(before.pwdLastSet)
      expect(after.pwdLastSetMs).toBe((await bench.subject.control.user(facts.dn)).pwdLastSetMs)
      // currentTime has whole seconds: it may lie up to one before a pwdLastSet of the same moment.
      expect(after.serverNow + 1000).toBeGreaterThan(after.pwdLastSetMs ?? Number.POSITIVE_INFINITY)
      expect(before.serverNow).toBeLessThan((after.pwdLastSetMs ?? 0) + 1000)
    })

    test('"must change" has none', async () => {
      const { user } = await newPerson({ traits: ['mustChange'] })
      expect(await bench.directory.passwordState(user)).toMatchObject({ pwdLastSet: 0n, pwdLastSetMs: undefined })
    })
  })
}
