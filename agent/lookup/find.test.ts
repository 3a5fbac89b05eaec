import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../shared/clock.ts'
import { parseGuidAnchor } from '../directory/account.ts'
import { type Sample, startSample } from '../directory/directory.fixture.ts'
import { ruleFor, temporaryLinks } from '../directory/one-domain.fixture.ts'
import { find } from './find.ts'
import type { Link } from './links.ts'

let sample: Sample
beforeAll(async () => {
  sample = await startSample()
})
afterAll(() => sample.close())

/** Base64 of the stored octets; the first three fields are little-endian ([MS-DTYP] 2.3.4). */
function anchorOf(dashed: string): string {
  const fields = dashed.split('-').map((field) => Buffer.from(field, 'hex'))
  return Buffer.concat(fields.map((field, at) => (at < 3 ? field.reverse() : field))).toString('base64')
}

test('finds everybody by the source anchor, whatever the name looks like', async () => {
  for (const { sam, dn, displayName, immutableId } of sample.server.forest.users) {
    expect(await sample.directory.locate(immutableId)).toMatchObject({ kind: 'user', user: { accountName: sam, displayName, dn } })
  }
})

test.each(['', '*', 'AAAA', ')(objectClass=*', 'A'.repeat(20), `${'A'.repeat(21)}B==`, 'A'.repeat(22), ` ${'A'.repeat(22)}==`, '\0'])(
  'an anchor that is not 16 bytes in canonical base64 names nobody: %j',
  async (anchor) => {
    expect(parseGuidAnchor(anchor)).toBeUndefined()
    expect(await sample.directory.locate(anchor)).toEqual({ kind: 'userNotFound' })
  },
)

test.each(['*', ')', '(', '\\', '\0'])('an anchor made of %j is 16 plain bytes to the filter', async (character) => {
  expect(await sample.directory.locate(Buffer.alloc(16, character).toString('base64'))).toEqual({ kind: 'userNotFound' })
})

test('only accounts of people, and only below the base', async () => {
  const { directory, server, person } = sample
  const group = server.control.user(`CN=Server Team,OU=Groups,${server.forest.baseDn}`)
  expect(await directory.locate(group.immutableId)).toEqual({ kind: 'userNotFound' })
  const narrow = sample.open({ baseDn: `OU=Staff,${server.forest.baseDn}` })
  expect(await narrow.locate(person('mallory.other').immutableId)).toEqual({ kind: 'notLinked', condition: 'connectorSpace' })
  expect(await narrow.locate(person('alice.adams').immutableId)).toMatchObject({ kind: 'user' })
})

test('reads what is decided about the account', async () => {
  expect(await sample.find('alice.adams')).toMatchObject({ lockedOut: false, protected: false, accountControl: 0x200 })
  expect(await sample.find('frank.locked')).toMatchObject({ lockedOut: true })
  expect((await sample.find('grace.must')).pwdLastSet).toBe(0n)
})

test('a link that is used is found anew after its time, too: only what was searched for is kept', async () => {
  const { baseDn } = sample.server.forest
  const rules = [ruleFor(baseDn)]
  const links = temporaryLinks(rules, systemClock)
  const kept: string[] = []
  const watched = {
    ...links,
    keep(link: Link) {
      kept.push(link.rule)
      links.keep(link)
    },
  }
  const account = await sample.find('odd.comma')
  const domains = new Map([[account.domain, { read: async () => account, search: async () => [] }]])
  for (const _ of [1, 2, 3]) {
    expect(await find(account.anchor ?? '', undefined, { rules, domains, links: watched })).toMatchObject({ kind: 'user' })
  }
  links.close()
  expect(kept).toEqual(['everybody'])
})

describe('ConsistencyGuid and objectGUID', () => {
  test('an account with a ConsistencyGuid is not found by its objectGUID', async () => {
    expect(await sample.directory.locate(anchorOf(sample.person('carol.clark').objectGuid))).toEqual({
      kind: 'notLinked',
      condition: 'metaverse',
    })
    expect(await sample.find('carol.clark')).toMatchObject({ accountName: 'carol.clark' })
  })

  test('a ConsistencyGuid wins over the objectGUID of an account that has another ConsistencyGuid', async () => {
    const anchor = anchorOf(sample.person('carol.clark').objectGuid)
    sample.server.control.setAttributes('odd.slash', { 'mS-DS-ConsistencyGuid': anchor })
    expect(await sample.directory.locate(anchor)).toMatchObject({ kind: 'user', user: { accountName: 'odd.slash' } })
  })

  test('two that carry one anchor, made from neither, are ambiguous', async () => {
    const anchor = Buffer.alloc(16, 0x5a).toString('base64')
    for (const sam of ['odd.quote', 'odd.signs']) sample.server.control.setAttributes(sam, { 'mS-DS-ConsistencyGuid': anchor })
    expect(await sample.directory.locate(anchor)).toEqual({ kind: 'ambiguousUser' })
  })

  test('whoever copies the anchor of an account that is there gains nothing', async () => {
    const anchor = sample.person('bob.brown').immutableId
    sample.server.control.setAttributes('odd.wild', { 'mS-DS-ConsistencyGuid': anchor })
    expect(await sample.directory.locate(anchor)).toMatchObject({ kind: 'user', user: { accountName: 'bob.brown' } })
  })
})
