/** What the forests are, and that everything an administrator can do to them is really done: the same for both kinds. */
import { describe, expect, test } from 'vitest'
import { guidOctets } from '../../../local/directory/identifiers.ts'
import { outcome, PolicyHints, reset } from '../../../local/directory/testing.ts'
import { first, fresh } from './bench.ts'
import type { ForestKind, Forests } from './forests.ts'
import type { Lab } from './lab.ts'

const write = (lab: Lab, name: string) => outcome(lab.service.modify(name, reset(fresh), new PolicyHints()))

export function sideBySideContract(kind: ForestKind, forests: () => Forests): void {
  describe(`two forests, ${kind}`, () => {
    samePeople(forests)
    movedAndRenamed(() => forests().corp)
    stopped(forests)
  })
}

function samePeople(forests: () => Forests): void {
  test('each has its own names, and its own people', async () => {
    const { corp, north } = forests()
    expect([corp.baseDn, north.baseDn]).toEqual(['DC=corp,DC=example,DC=test', 'DC=north,DC=example,DC=test'])
    expect(north.hostName).toBe('dc1.north.example.test')
    for (const lab of [corp, north]) {
      const { searchEntries } = await lab.service.search('', { scope: 'base', attributes: ['defaultNamingContext', 'dnsHostName'] })
      expect(searchEntries[0]).toMatchObject({ defaultNamingContext: lab.baseDn })
      expect(String(searchEntries[0]?.['dnsHostName']).toLowerCase()).toBe(lab.hostName)
      for (const { dn, sam } of lab.people) expect((await lab.facts(dn)).sam).toBe(sam)
    }
    expect(await north.bind(corp.serviceAccount.upn, corp.serviceAccount.password)).toBe('49 52e')
  })

  test('one person, an account in each, one source anchor: the objectGUID of the first', async () => {
    const { corp, north } = forests()
    const [here, there] = await Promise.all([corp, north].map((lab) => lab.facts('alice.adams')))
    expect(there?.immutableId).toBe(here?.immutableId)
    expect(there?.immutableId).toBe(guidOctets(here?.objectGuid ?? '')?.toString('base64'))
    expect(there?.objectGuid).not.toBe(here?.objectGuid)
    expect(north.people.find(({ sam }) => sam === 'alice.adams')?.immutableId).toBe(here?.immutableId)
  })

  test('a password set in one is not set in the other', async () => {
    const { corp, north } = forests()
    const [here, there] = [corp, north].map((lab) => lab.people.find(({ sam }) => sam === 'carol.clark'))
    if (!here || !there) throw new Error('she is not there')
    expect(there.immutableId).toBe(here.immutableId)
    expect(await write(north, there.dn)).toBe('0')
    expect(await corp.bind(here.dn, here.password)).toBe('0')
    expect(await north.bind(there.dn, fresh)).toBe('0')
  })
}

function movedAndRenamed(lab: () => Lab): void {
  test('moved inside the scope, and out of it', async () => {
    const { baseDn, serviceAccount, ...corp } = lab()
    const { dn, objectGuid } = await corp.person()
    const unit = await corp.newUnit('Inside', serviceAccount.scope)
    const inside = await corp.move(dn, unit)
    expect(await corp.facts(inside)).toMatchObject({ objectGuid, dn: inside })
    expect(await write(lab(), `<GUID=${objectGuid}>`)).toBe('0')
    const outside = await corp.move(inside, `OU=Other,${baseDn}`)
    expect(await write(lab(), `<GUID=${objectGuid}>`)).toMatch(/^50/)
    expect(await write(lab(), inside)).toBe('32 00002030')
    expect(await corp.bind(outside, fresh)).toBe('0')
  })

  test('renamed, to a name that breaks software', async () => {
    const { dn, objectGuid } = await lab().person()
    const renamed = await lab().rename(dn, 'van der "Berg", Jan #1')
    expect(await lab().facts(renamed)).toMatchObject({ objectGuid })
    expect(await write(lab(), renamed)).toBe('0')
    expect(await write(lab(), dn)).toBe('32 00002030')
  })

  test('deleted, and made again under the same name: another account', async () => {
    const person = await lab().person({ traits: ['consistencyGuid'] })
    const again = await lab().recreate(person.dn)
    expect(again).toMatchObject({ dn: person.dn, sam: person.sam, upn: person.upn })
    expect(again.objectGuid).not.toBe(person.objectGuid)
    expect(again.immutableId).not.toBe(person.immutableId)
    expect(await write(lab(), `<GUID=${person.objectGuid}>`)).toMatch(/^32/)
    await lab().remove(again.dn)
    await expect(lab().facts(again.dn)).rejects.toThrow()
  })

  test('another anchor, and none', async () => {
    const { dn, immutableId } = await lab().person()
    const other = Buffer.alloc(16, 0x5a).toString('base64')
    await lab().setAnchor(dn, other)
    expect((await lab().facts(dn)).immutableId).toBe(other)
    await lab().setAnchor(dn, null)
    expect((await lab().facts(dn)).immutableId).toBe(immutableId)
  })
}

function stopped(forests: () => Forests): void {
  test('one controller down: the other forest answers; up again, it has what it had', async () => {
    const { corp, north } = forests()
    const { dn } = await north.person()
    await north.stop()
    await expect(write(north, dn)).rejects.toThrow()
    expect((await corp.facts('bob.brown')).sam).toBe('bob.brown')
    await north.start()
    expect(await write(north, dn)).toBe('0')
    expect(await north.bind(dn, first)).toBe('49 52e')
  })
}
