/** The page "Connect directories": forests, their domains and controllers, the service account of each and its password. */
import { join } from 'node:path'
import type { Secret } from '../../../shared/secret.ts'
import { fileProblem } from '../../settings.ts'
import { askValue, type Draft, type Kit, untilGood } from './draft.ts'
import { editList, type NamedList } from './named-list.ts'
import { forestQuestions, type Parsed, parseDomainName, parseForestField, parseServers } from './questions.ts'
import { itemNamed, itemsOf, type Json, withItem } from './settings-edit.ts'
import { addressesOf, domainsOf, parseAddress, serversOf } from './settings-shape.ts'

export const connectDirectories = (draft: Draft, kit: Kit): Promise<Draft> =>
  untilGood(draft, kit, (before) => editList(before, kit, forests), kit.trials.forests)

const forests: NamedList = {
  title: 'Directories',
  list: 'forests',
  one: 'forest',
  parseName: (name) => parseForestField('name', name),
  hint: ({ bindDn }) => String(bindDn ?? ''),
  edit: askForest,
}

async function askForest(before: Draft, name: string, kit: Kit): Promise<Draft> {
  const { ask } = kit
  const forest = itemNamed(before.settings, 'forests', name)
  const text = (field: string) => (typeof forest[field] === 'string' ? forest[field] : undefined)
  const domains = await askDomains(before.settings, name, kit)
  const addresses = await askAddresses(before.settings, name, kit)
  const bindDn = await askValue(ask, forestQuestions.bindDn.ask, text('bindDn'), (typed) => parseForestField('bindDn', typed))
  const { file, password } = await askPassword(before, name, kit)
  const caFile = await askValue(ask, forestQuestions.caFile.ask, text('caFile'), (typed) => parseForestField('caFile', typed), true)
  const controllers = await ask.choose(
    forestQuestions.controllers.ask,
    choicesOfController,
    text('controllers') === 'anyWritable' ? 'anyWritable' : 'pdcEmulator',
  )
  const settings = withItem(before.settings, 'forests', name, { domains, controllers, bindDn, bindPasswordFile: file, caFile, addresses })
  return { ...before, settings, passwords: password ? new Map([...before.passwords, [name, password]]) : before.passwords }
}

const choicesOfController = [
  { value: 'pdcEmulator', label: 'Nobody', hint: 'resets wait for it' },
  { value: 'anyWritable', label: 'The first controller that can be written to' },
] as const

const listed = (typed: string): string[] => typed.split(/[\s,]+/).filter((each) => each !== '')

/** The first that cannot be meant says why. */
function parseEach(typed: string, parse: (each: string) => Parsed): Parsed {
  const all = listed(typed)
  const wrong = all.map(parse).find((parsed) => 'problem' in parsed)
  return wrong ?? (all.length === 0 ? { problem: 'at least one is needed' } : { value: all })
}

async function askDomains(settings: Json, forest: string, { ask }: Kit): Promise<Json[]> {
  const known = domainsOf(settings, forest)
  const initial = known.map(({ name }) => String(name)).join(', ') || undefined
  const names = await askValue(ask, 'DNS names of its domains, separated by commas', initial, (typed) => parseEach(typed, parseDomainName))
  const domains: Json[] = []
  for (const name of names as string[]) {
    const initialServers = serversOf(settings, forest, name).join(', ') || undefined
    const parse = (typed: string): Parsed => parseServers(listed(typed).map(withScheme))
    const servers = await askValue(ask, `Domain controllers of ${name}, preferred first`, initialServers, parse)
    domains.push({ ...known.find((each) => each['name'] === name), name, servers })
  }
  return domains
}

/** Somebody who types a host name means LDAPS: there is nothing else. */
const withScheme = (server: string): string => (server.includes('://') ? server : `ldaps://${server}`)

async function askAddresses(settings: Json, forest: string, { ask }: Kit): Promise<Json | undefined> {
  const pairs = Object.entries(addressesOf(settings, forest)).map(([host, address]) => `${host}=${String(address)}`)
  const parse = (typed: string): Parsed => {
    const parsed = listed(typed).map(parseAddress)
    const problem = parsed.find((each) => typeof each === 'string')
    return typeof problem === 'string' ? { problem } : { value: Object.fromEntries(parsed as [string, string][]) }
  }
  const message = 'Controllers that DNS does not know, as HOST=IP[:PORT] (empty: none)'
  return (await askValue(ask, message, pairs.join(', ') || undefined, parse, true)) as Json | undefined
}

async function askPassword(before: Draft, name: string, kit: Kit): Promise<{ file: string; password: Secret | undefined }> {
  const file = passwordFileOf(before.settings, name, kit.folder)
  const there = before.passwords.has(name) || fileProblem(file, 'private') === undefined
  for (;;) {
    const password = await kit.ask.secret(`Password of the service account (${there ? 'empty: as it is' : `it goes into ${file}`})`)
    if (password !== undefined || there) return { file, password }
    kit.ask.lines(['A password is needed.'])
  }
}

/** No two forests share one: a new password of the one must not become the other's. */
export function passwordFileOf(settings: Json, forest: string, folder: string): string {
  const file = itemNamed(settings, 'forests', forest)['bindPasswordFile']
  const shared = itemsOf(settings, 'forests').some((each) => each['name'] !== forest && each['bindPasswordFile'] === file)
  return typeof file === 'string' && file !== '' && !shared ? file : join(folder, `${encodeURIComponent(forest)}-password`)
}
