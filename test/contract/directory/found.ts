/**
 * The look-up over two forests: which account is meant, and which condition does not hold where none is. The same person may
 * have an account in each; accounts are moved, renamed, deleted, made again under the same name, given another anchor.
 */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Directory } from '../../../agent/directory/directory.ts'
import type { Rule } from '../../../agent/lookup/rules.ts'
import { reset } from '../../../agent/reset.ts'
import { guidOctets } from '../../../local/directory/identifiers.ts'
import { bothRules, firstJob, openForests, ruleOn } from './agent-forests.ts'
import { fresh } from './bench.ts'
import type { ForestKind, Forests } from './forests.ts'

const notLinked = (condition: string) => ({ kind: 'notLinked', condition })

export function foundContract(kind: ForestKind, running: () => Forests): void {
  describe(`who is meant, ${kind}`, () => {
    let forests: Forests
    let directory: Directory
    const own: Directory[] = []
    beforeAll(() => {
      forests = running()
      directory = openForests(forests)
    })
    afterAll(() => {
      for (const each of [directory, ...own]) each.close()
    })
    const under = (rules: Rule[]): Directory => {
      const opened = openForests(forests, rules)
      own.push(opened)
      return opened
    }
    const shared = () => forests.corp.people.find(({ sam }) => sam === 'alice.adams')?.immutableId ?? ''
    const domainIn = async (by: Directory, anchor: string) => {
      const located = await by.locate(anchor)
      return located.kind === 'user' ? located.user.domain : located
    }

    test('everybody in both forests, whatever their names', async () => {
      for (const [name, lab] of [['corp.example.test', forests.corp] as const, ['north.example.test', forests.north] as const]) {
        for (const { immutableId, sam } of lab.people) {
          const expected = immutableId === shared() || sam === 'carol.clark' ? 'corp.example.test' : name
          expect(await domainIn(directory, immutableId), sam).toBe(expected)
        }
      }
    })

    describe('one person with an account in each forest', () => {
      test('the rule with the lowest number decides, whichever forest it is for', async () => {
        expect(await domainIn(directory, shared())).toBe('corp.example.test')
        const northFirst = under([ruleOn(forests, 'corp'), ruleOn(forests, 'north', { precedence: 1 })])
        expect(await domainIn(northFirst, shared())).toBe('north.example.test')
      })

      test('equal numbers: ambiguous, and nothing is written', async () => {
        const equal = under(bothRules(forests).map((rule) => ({ ...rule, precedence: 100 })))
        expect(await equal.locate(shared())).toEqual({ kind: 'ambiguousUser' })
        expect((await reset(firstJob({ sourceAnchor: shared() }, { password: fresh }), equal)).outcome).toEqual({ kind: 'ambiguousUser' })
      })

      test('the better rule is switched off: the other account', async () => {
        const off = under([ruleOn(forests, 'corp', { enabled: false }), ruleOn(forests, 'north')])
        expect(await domainIn(off, shared())).toBe('north.example.test')
      })

      test('the password is set in the one and not in the other', async () => {
        const { outcome } = await reset(firstJob({ sourceAnchor: shared() }, { password: fresh }), directory)
        expect(outcome).toEqual({ kind: 'done' })
        const [here, there] = [forests.corp, forests.north].map((lab) => lab.people.find(({ immutableId }) => immutableId === shared()))
        expect(await forests.corp.bind(here?.dn ?? '', fresh)).toBe('0')
        expect(await forests.north.bind(there?.dn ?? '', there?.password ?? '')).toBe('0')
      })
    })

    describe('a link that is known', () => {
      const known = async () => {
        const user = await forests.corp.person()
        expect(await domainIn(directory, user.immutableId)).toBe('corp.example.test')
        return user
      }

      test('moved and renamed inside the scope: the same account', async () => {
        const user = await known()
        const unit = await forests.corp.newUnit(`Unit of ${user.sam}`)
        const renamed = await forests.corp.rename(await forests.corp.move(user.dn, unit), 'de la "Cruz", Ana /#1')
        expect(await directory.locate(user.immutableId)).toMatchObject({ kind: 'user', user: { accountName: user.sam } })
        expect(await forests.corp.facts(renamed)).toMatchObject({ sam: user.sam, objectGuid: user.objectGuid })
      })

      test('deleted: not found', async () => {
        const user = await known()
        await forests.corp.remove(user.dn)
        expect(await directory.locate(user.immutableId)).toEqual({ kind: 'userNotFound' })
      })

      test('deleted and made again under the same name: somebody else', async () => {
        const user = await known()
        const again = await forests.corp.recreate(user.dn)
        expect(await directory.locate(user.immutableId)).toEqual({ kind: 'userNotFound' })
        expect(await directory.locate(again.immutableId)).toMatchObject({ kind: 'user', user: { accountName: user.sam } })
      })

      test('given another anchor: no longer by the old one', async () => {
        const user = await known()
        const anchor = randomBytes(16).toString('base64')
        await forests.corp.setAnchor(user.dn, anchor)
        expect(await directory.locate(user.immutableId)).toEqual(notLinked('metaverse'))
        expect(await directory.locate(anchor)).toMatchObject({ kind: 'user', user: { accountName: user.sam } })
        await forests.corp.setAnchor(user.dn, null)
        expect(await directory.locate(user.immutableId)).toMatchObject({ kind: 'user', user: { accountName: user.sam } })
      })

      test('one read holds it against its rule', async () => {
        const user = await known()
        const scope = await forests.corp.newUnit(`Narrow for ${user.sam}`)
        const narrow = under([ruleOn(forests, 'corp', { baseDn: scope })])
        expect(await narrow.locate(user.immutableId)).toEqual(notLinked('connectorSpace'))
        const inside = await forests.corp.move(user.dn, scope)
        expect(await domainIn(narrow, user.immutableId)).toBe('corp.example.test')
        await forests.corp.move(inside, `OU=Other,${forests.corp.baseDn}`)
        expect(await narrow.locate(user.immutableId)).toEqual(notLinked('connectorSpace'))
      })
    })

    describe('a link that is missing', () => {
      test('connectorSpace: out of every base, or filtered out', async () => {
        const user = await forests.corp.person()
        const elsewhere = under([ruleOn(forests, 'corp', { baseDn: `OU=Other,${forests.corp.baseDn}` })])
        expect(await elsewhere.locate(user.immutableId)).toEqual(notLinked('connectorSpace'))
        const filtered = under([ruleOn(forests, 'corp', { filter: '(!(employeeType=external))' })])
        expect(await domainIn(filtered, user.immutableId)).toBe('corp.example.test')
        await forests.corp.set(user.dn, { employeeType: 'external' })
        expect(await filtered.locate(user.immutableId)).toEqual(notLinked('connectorSpace'))
      })

      test('metaverse: it goes by another anchor', async () => {
        const user = await forests.north.person()
        await forests.north.setAnchor(user.dn, randomBytes(16).toString('base64'))
        expect(await directory.locate(guidOctets(user.objectGuid)?.toString('base64') ?? '')).toEqual(notLinked('metaverse'))
      })

      test('cloud: the account names another cloud object', async () => {
        const user = await forests.corp.person()
        const cloud = 'aaaaaaaa-0000-4000-8000-00000000000A'
        await forests.corp.set(user.dn, { 'msDS-ExternalDirectoryObjectId': `User_${cloud}` })
        const right = Buffer.from(cloud.replaceAll('-', ''), 'hex')
        expect(await directory.locate(user.immutableId, randomBytes(16))).toEqual(notLinked('cloud'))
        expect(await directory.locate(user.immutableId, right)).toMatchObject({ kind: 'user' })
      })

      test('rule: only rules that are switched off hold it', async () => {
        const user = await forests.corp.person()
        const off = under([ruleOn(forests, 'corp', { enabled: false }), ruleOn(forests, 'north')])
        expect(await off.locate(user.immutableId)).toEqual(notLinked('rule'))
      })

      test('none: nobody has this anchor', async () => {
        expect(await directory.locate(randomBytes(16).toString('base64'))).toEqual({ kind: 'userNotFound' })
      })
    })

    test('another attribute may be the anchor', async () => {
      const user = await forests.north.person()
      await forests.north.set(user.dn, { employeeID: `n-${user.sam}` })
      const byNumber = under([ruleOn(forests, 'north', { anchor: 'employeeID' })])
      expect(await domainIn(byNumber, `n-${user.sam}`)).toBe('north.example.test')
      expect(await byNumber.locate('*')).toEqual({ kind: 'userNotFound' })
      expect(await byNumber.locate(')(cn=*')).toEqual({ kind: 'userNotFound' })
    })

    test('a forest that is away keeps nobody of the other from theirs, where its rule could not decide', async () => {
      const user = await forests.corp.person()
      const away = await forests.north.person()
      await forests.north.stop()
      try {
        expect(await domainIn(under(bothRules(forests)), user.immutableId)).toBe('corp.example.test')
        await expect(under(bothRules(forests)).locate(away.immutableId)).rejects.toMatchObject({ code: 'DIRECTORY_UNAVAILABLE' })
      } finally {
        await forests.north.start()
      }
      expect(await domainIn(under(bothRules(forests)), away.immutableId)).toBe('north.example.test')
    })
  })
}
