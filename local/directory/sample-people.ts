/**
 * Who is in which sample domain: two forests and a child domain of the first, as data.
 *
 * Everybody is invented; several names are chosen to break software: commas, quotes, slashes, a leading blank, brackets and
 * stars, other scripts. Who has one sAMAccountName in both forests is one person, with two accounts and one source anchor.
 */

export type Trait =
  | 'disabled'
  | 'expired'
  | 'locked'
  | 'mustChange'
  | 'cannotChange'
  | 'smartCard'
  /** Member of Domain Admins, adminCount 1. */
  | 'protected'
  /** In a group that is a member of Backup Operators; SDProp has not come by yet, so adminCount is absent. */
  | 'nestedProtected'
  /** In OU=Other, where the service account has no rights. */
  | 'outOfScope'
  /** Has an mS-DS-ConsistencyGuid that differs from its objectGUID: the source anchor is not the GUID. */
  | 'consistencyGuid'

export interface Person {
  sam: string
  /** The common name. */
  name: string
  /** The common name if absent. */
  displayName?: string
  traits?: Trait[]
}

export type SampleName = 'corp' | 'north' | 'emea'

export interface SampleDomain {
  baseDn: string
  netbiosName: string
  /** The forest's root domain, where it is another one. */
  rootDn?: string
  people: readonly Person[]
}

const corp: readonly Person[] = [
  { sam: 'alice.adams', name: 'Alice Adams' },
  { sam: 'bob.brown', name: 'Bob Brown' },
  { sam: 'carol.clark', name: 'Carol Clark', traits: ['consistencyGuid'] },
  { sam: 'dave.disabled', name: 'Dave Dunn', traits: ['disabled'] },
  { sam: 'erin.expired', name: 'Erin Evans', traits: ['expired'] },
  { sam: 'frank.locked', name: 'Frank Fisher', traits: ['locked'] },
  { sam: 'grace.must', name: 'Grace Green', traits: ['mustChange'] },
  { sam: 'heidi.admin', name: 'Heidi Hughes', traits: ['protected'] },
  { sam: 'ivan.nested', name: 'Ivan Irving', traits: ['nestedProtected'] },
  { sam: 'judy.fixed', name: 'Judy Jones', traits: ['cannotChange'] },
  { sam: 'karl.card', name: 'Karl King', traits: ['smartCard'] },
  { sam: 'mallory.other', name: 'Mallory Moore', traits: ['outOfScope'] },
  { sam: 'odd.comma', name: "O'Neil, Pat", displayName: 'O\'Neil, Pat "P.J."' },
  { sam: 'odd.slash', name: 'Either/Or\\Neither' },
  { sam: 'odd.lead', name: ' #Leading Blank' },
  { sam: 'odd.quote', name: 'Nick "Nickname" Nolan' },
  { sam: 'odd.signs', name: 'a+b;c<d>e=f' },
  { sam: 'odd.wild', name: 'wild*card (paren)' },
  { sam: 'odd.unicode', name: 'Zoë Østergård 李' },
]

/** Alice's second account has her own anchor's GUID; Carol's has the ConsistencyGuid that her first one has, too. */
const north: readonly Person[] = [
  { sam: 'alice.adams', name: 'Adams, Alice (North)', displayName: 'Alice Adams', traits: ['consistencyGuid'] },
  { sam: 'carol.clark', name: 'Carol Clark', traits: ['consistencyGuid'] },
  { sam: 'nina.norris', name: 'Nina Norris' },
  { sam: 'oscar.olsen', name: 'Øscar Olsen' },
  { sam: 'petra.perez', name: 'Petra Perez', traits: ['disabled'] },
  { sam: 'quinn.quist', name: 'Quinn Quist', traits: ['locked'] },
  { sam: 'rosa.reed', name: 'Rosa Reed', traits: ['mustChange'] },
  { sam: 'sven.strand', name: 'Strand, Sven', traits: ['protected'] },
  { sam: 'tove.thorn', name: 'Tove Thorn', traits: ['outOfScope'] },
  { sam: 'uma.unger', name: 'Uma Unger', traits: ['consistencyGuid'] },
]

const emea: readonly Person[] = [
  { sam: 'vera.vogt', name: 'Vera Vogt' },
  { sam: 'willem.wit', name: 'Wit, Willem de' },
  { sam: 'xenia.xu', name: 'Xenia Xu', traits: ['outOfScope'] },
]

const corpDn = 'DC=corp,DC=example,DC=test'

export const sampleDomains: Readonly<Record<SampleName, SampleDomain>> = {
  corp: { baseDn: corpDn, netbiosName: 'CORP', people: corp },
  north: { baseDn: 'DC=north,DC=example,DC=test', netbiosName: 'NORTH', people: north },
  emea: { baseDn: `DC=emea,${corpDn}`, netbiosName: 'EMEA', rootDn: corpDn, people: emea },
}
