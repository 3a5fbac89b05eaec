/**
 * Many ordinary people at once, for measuring: `person000001`, `person000002`, … in OU=Staff, members of nothing but Domain Users.
 *
 * Each is an entry like any other, made from a copy of the first, whose common values all share. Nobody knows a password of
 * theirs, so nobody can sign in as one; 100,000 are there within seconds.
 */
import { randomBytes } from 'node:crypto'
import { nextRid } from './add.ts'
import { placeUser } from './build.ts'
import { newCredential } from './credential.ts'
import { type Domain, dnsDomain, places, touch } from './domain.ts'
import { nameOf } from './entries.ts'
import { sidOctets } from './identifiers.ts'
import { describeUser } from './seed.ts'

export function placeCrowd(domain: Domain, count: number): void {
  if (count < 1) return
  const names = { baseDn: places(domain).base, dns: dnsDomain(domain), random: randomBytes }
  const first = placeUser(domain, describeUser({ sam: samOf(1), name: nameAt(1) }, names))
  for (let number = 2; number <= count; number++) {
    const [sam, name] = [samOf(number), nameAt(number)]
    const entry = {
      dn: [{ type: 'CN', value: name }, ...first.dn.slice(1)],
      attributes: first.attributes.copy(),
      credential: newCredential(),
    }
    for (const attribute of ['cn', 'name', 'displayName']) entry.attributes.set(attribute, name)
    for (const attribute of ['userPrincipalName', 'mail']) entry.attributes.set(attribute, `${sam}@${names.dns}`)
    entry.attributes.set('sAMAccountName', sam)
    entry.attributes.set('distinguishedName', nameOf(entry))
    entry.attributes.set('objectGUID', randomBytes(16))
    entry.attributes.set('objectSid', sidOctets(`${domain.domainSid}-${nextRid(domain)}`) ?? '')
    domain.tree.add(entry)
    touch(domain, entry)
    entry.attributes.set('uSNCreated', domain.usn)
  }
}

const samOf = (number: number) => `person${String(number).padStart(6, '0')}`
const nameAt = (number: number) => `Person ${String(number).padStart(6, '0')}`
