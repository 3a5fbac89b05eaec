/**
 * `doctor USER`: would a reset work for this person, and if not, why? Nothing is changed, and no cache is written.
 *
 * First who is meant: a UPN, a sAMAccountName (with or without DOMAIN\), a DN, or else a source anchor. From an account its
 * own source anchor is read, and then the same look-up goes back as for a request (agent/lookup/find.ts).
 */
import type { Clock } from '../../../shared/clock.ts'
import { faultWord, isFault } from '../../../shared/fault.ts'
import type { LinkCondition } from '../../../shared/outcome.ts'
import { consistencyGuid, readAccount, searchAccounts, type User } from '../../directory/account.ts'
import type { DirectorySettings, ForestSettings } from '../../directory/directory.ts'
import { openPdc } from '../../directory/pdc.ts'
import { peopleNamed } from '../../directory/people.ts'
import { bytesOf, readBase } from '../../directory/rows.ts'
import { parseDn } from '../../lookup/dn.ts'
import { find, type Located } from '../../lookup/find.ts'
import { byPrecedence, domainOfRule, type Rule } from '../../lookup/rules.ts'
import { type Finding, failed, passed, skipped } from './checks.ts'
import { checkAccount, checkRights, type Served } from './person-account.ts'

export async function checkPerson(name: string, { forests, rules, ldapMs }: DirectorySettings, clock: Clock): Promise<Finding[]> {
  const asked = forests.flatMap((forest) => forest.domains.map((domain) => serve(forest, domain, ldapMs, clock)))
  const answers = await Promise.all(asked)
  const served = answers.filter((each) => 'pdc' in each)
  try {
    return [...answers.filter((each) => 'check' in each), ...(await look(name, served, rules, clock))]
  } finally {
    for (const { pdc } of served) pdc.connection.reset()
  }
}

async function serve(forest: ForestSettings, { name, servers }: ForestSettings['domains'][number], ldapMs: number, clock: Clock) {
  try {
    const credentials = { dn: forest.bindDn, password: forest.bindPassword }
    const pdc = await openPdc({ ...forest, clock, ldapMs, servers, credentials, domain: name })
    return { forest, domain: name.toLowerCase(), pdc }
  } catch (error) {
    const text = `the domain cannot be asked (${faultWord(error)})`
    return failed('pdc-emulator', name, text, 'agentctl doctor, without a name, says what is wrong with it')
  }
}

interface Candidate {
  served: Served
  guid: Buffer
}

async function look(name: string, served: readonly Served[], rules: readonly Rule[], clock: Clock): Promise<Finding[]> {
  const candidates = (await Promise.all(served.map((each) => named(name, each)))).flat()
  const [candidate] = candidates
  if (candidates.length > 1) return [failed('person', name, `${candidates.length} accounts have this name`)]
  if (!candidate) return byAnchor(name, served, rules, clock)
  const own = await ownAnchor(candidate, rules).catch((error: unknown) => unreadable(name, error))
  if (!own) return [failed('person', name, 'not an account of a person')]
  const { guid, served: at } = candidate
  if ('check' in own) return [own, await checkRights(name, { guid, protected: false }, at.forest.bindDn, at.pdc)]
  const found = passed('person', name, own.user.dn)
  const read = passed('person-read', name, 'everything')
  if (own.user.anchor === undefined) return [found, read, failed('person-rule', name, `the account has no value in ${own.attribute}`)]
  const { located, rule } = await locate(own.user.anchor, served, rules)
  return [found, read, judgeLink(name, own.user, located, rule), ...(await checkAccount(name, own.user, at, clock))]
}

/** Where inheritance is blocked, an object may show less than others do; then a request for it fails, too. */
function unreadable(name: string, error: unknown): Finding {
  if (!isFault(error, 'DIRECTORY_CONFIGURATION')) throw error
  return failed('person-read', name, error.message.replace(`${error.code}: `, ''))
}

async function named(name: string, served: Served): Promise<Candidate[]> {
  const { connection, domainHead } = served.pdc
  if (parseDn(name) !== undefined) {
    const row = await readBase(connection, name, ['objectGUID']).catch(() => undefined)
    const guid = row && bytesOf(row, 'objectGUID')
    return guid ? [{ served, guid }] : []
  }
  const guids = await peopleNamed(connection, domainHead, name.replace(/^[^\\]*\\/, ''), { anchor: consistencyGuid })
  return guids.map((guid) => ({ served, guid }))
}

/** As the best rule sees it that holds the account; else as some rule of the domain would. */
async function ownAnchor({ served, guid }: Candidate, rules: readonly Rule[]): Promise<{ user: User; attribute: string } | undefined> {
  const { read } = reading(served)
  const here = [...rules].sort(byPrecedence).filter((rule) => domainOfRule(rule) === served.domain)
  const views = [...here.filter(({ enabled }) => enabled), ...here, ...here.map(({ anchor }) => ({ anchor })), { anchor: consistencyGuid }]
  for (const view of views) {
    const user = await read(guid, view)
    if (user) return { user, attribute: view.anchor }
  }
  return undefined
}

const reading = ({ domain, pdc }: Served) => ({
  async read(guid: Buffer, view: Parameters<typeof readAccount>[2]): Promise<User | undefined> {
    const account = await readAccount(pdc.connection, guid, view)
    return account && { ...account, domain, serverNow: pdc.time.serverMs }
  },
  search: (baseDn: string, anchor: string, view: Parameters<typeof readAccount>[2]) => searchAccounts(pdc.connection, baseDn, anchor, view),
})

async function locate(anchor: string, served: readonly Served[], rules: readonly Rule[]) {
  const domains = new Map(served.map((each) => [each.domain, reading(each)]))
  const noted: { rule?: string } = {}
  const links = {
    find: () => undefined,
    keep: ({ rule }: { rule: string }) => void Object.assign(noted, { rule }),
    forget: () => undefined,
  }
  const located = await find(anchor, undefined, { rules, domains, links })
  return { located, rule: noted.rule }
}

const conditions: Readonly<Record<LinkCondition, string>> = {
  connectorSpace: 'no rule has the account in its scope (base and filter)',
  rule: 'only rules that are switched off hold the account',
  metaverse: 'a rule holds the account, but it goes by another source anchor',
  cloud: 'the account names another cloud object (msDS-ExternalDirectoryObjectId)',
}

type Missed = Exclude<Located, { kind: 'user' }>

function judgeMiss(name: string, located: Missed): Finding {
  if (located.kind === 'notLinked') return failed('person-rule', name, conditions[located.condition])
  if (located.kind === 'userNotFound') return failed('person-rule', name, 'its source anchor leads to no account')
  return failed('person-rule', name, 'several accounts go by this source anchor under rules of equal precedence')
}

function judgeLink(name: string, user: User, located: Located, rule: string | undefined): Finding {
  if (located.kind !== 'user') return judgeMiss(name, located)
  if (!located.user.guid.equals(user.guid)) {
    return failed('person-rule', name, `the rule "${rule}" prefers another account with the same source anchor: ${located.user.dn}`)
  }
  const cloud = user.cloudObject === undefined ? '' : `; for the cloud object ${user.cloudObject} alone`
  return passed('person-rule', name, `rule "${rule}", source anchor ${user.anchor}${cloud}`)
}

async function byAnchor(anchor: string, served: readonly Served[], rules: readonly Rule[], clock: Clock): Promise<Finding[]> {
  const answer = await locate(anchor, served, rules).catch((error: unknown) => unreadable(anchor, error))
  if ('check' in answer) return [answer]
  const { located, rule } = answer
  if (located.kind === 'userNotFound') return [failed('person', anchor, 'nobody has this name or source anchor in these domains')]
  if (located.kind !== 'user') return [skipped('person', anchor, 'taken for a source anchor'), judgeMiss(anchor, located)]
  const at = served.find(({ domain }) => domain === located.user.domain)
  if (!at) throw new TypeError('a user of no domain')
  return [
    passed('person', anchor, `source anchor of ${located.user.dn}`),
    passed('person-read', anchor, 'everything'),
    judgeLink(anchor, located.user, located, rule),
    ...(await checkAccount(anchor, located.user, at, clock)),
  ]
}
