/**
 * Connections tried at the step where they are asked for, with the doctor's own checks: what the trial says is what
 * `agentctl doctor` will say. Nothing is changed anywhere.
 *
 * What is not answered yet is not tried. A bind that was refused counts towards the lock-out of the service account: a forest
 * is bound to once a trial.
 */
import { once } from 'node:events'
import tls from 'node:tls'
import type { Clock } from '../../../shared/clock.ts'
import { faultWord } from '../../../shared/fault.ts'
import type { Secret } from '../../../shared/secret.ts'
import { defaultTimes } from '../../../shared/times.ts'
import { forestSettings, localAuthority } from '../../compose.ts'
import { brokenScope, forest, forestList, rule, ruleList } from '../../directory-settings.ts'
import type { Rule } from '../../lookup/rules.ts'
import { type CloudSettings, fileProblem, parseCloud } from '../../settings.ts'
import { type Finding, failed, passed, skipped } from '../doctor/checks.ts'
import { checkDirectory } from '../doctor/directory.ts'
import { examineCloud } from '../doctor.ts'
import type { Answered, Trials } from './draft.ts'
import { itemNamed, itemsOf, type Json, namesIn, withValue } from './settings-edit.ts'

export const openTrials = (clock: Clock): Trials => ({
  cloud: ({ settings }) => tryCloud(settings, clock),
  forests: (draft) => tryForests(draft, clock),
  rules: (draft) => tryRules(draft, clock),
})

/** Each forest: its controllers, the service account, the PDC emulator. */
const tryForests = ({ settings, passwords }: Answered, clock: Clock): Promise<Finding[]> =>
  tryEach({ settings: withValue(settings, 'rules', undefined), passwords }, clock)

/** Each rule: its base, the rights there, some people. The forests had their own lines. */
async function tryRules(draft: Answered, clock: Clock): Promise<Finding[]> {
  const names = namesIn(draft.settings, 'rules')
  const problems = brokenRules(draft.settings)
  if (problems.length > 0) return problems.map((problem) => failed('settings', '', problem, 'change the rule'))
  return (await tryEach(draft, clock)).filter(({ about }) => names.includes(about))
}

function brokenRules(settings: Json): string[] {
  const [forests, rules] = [forestList.safeParse(settings['forests']), ruleList.safeParse(settings['rules'])]
  return forests.success && rules.success ? brokenScope({ forests: forests.data, rules: rules.data }) : []
}

async function tryEach({ settings, passwords }: Answered, clock: Clock): Promise<Finding[]> {
  const rules = itemsOf(settings, 'rules').flatMap((each) => rule.safeParse(each).data ?? [])
  const tried = namesIn(settings, 'forests').map((name) =>
    tryForest(itemNamed(settings, 'forests', name), rules, passwords.get(name), clock),
  )
  return (await Promise.all(tried)).flat()
}

async function tryForest(given: Json, rules: readonly Rule[], password: Secret | undefined, clock: Clock): Promise<Finding[]> {
  const { data } = forest.safeParse(given)
  const name = String(given['name'])
  if (!data) return [failed('settings', name, 'the answers are not complete')]
  if (password === undefined && fileProblem(data.bindPasswordFile, 'private') !== undefined)
    return [failed('settings', name, 'its password cannot be read', 'type it again')]
  const own = rules.filter((each) => each.forest === name)
  return checkDirectory({ forests: [forestSettings(data, password)], rules: own, ldapMs: defaultTimes.ldapMs }, { clock, sample: 20 })
}

/** By the agent's credential if there is one; if it is still to be made, only whether all three can be reached. */
async function tryCloud(settings: Json, clock: Clock): Promise<Finding[]> {
  const cloud = parseCloud(settings)
  if (cloud === undefined) return [failed('settings', '', 'the answers about Entra ID, Key Vault and Service Bus are not complete')]
  const { certificateFile, secretFile } = cloud.identity
  const hasCredential = fileProblem(certificateFile ?? secretFile ?? '', 'private') === undefined
  return hasCredential ? examineCloud(cloud, clock) : reachAll(cloud, clock)
}

const reachMs = 8_000

async function reachAll(cloud: CloudSettings, clock: Clock): Promise<Finding[]> {
  const ca = localAuthority(cloud)
  const { namespace, endpoint, transport, proxyUrlFile } = cloud.relay
  const bus = endpoint?.replace(/^sb:/, 'https:') ?? (namespace && `https://${namespace}:${transport === 'tcp' ? 5671 : 443}`)
  const targets = [
    ['Entra ID', cloud.identity.authority],
    ['Key Vault', cloud.vault.url],
    ...(bus === undefined || proxyUrlFile !== undefined ? [] : [['Service Bus', bus] as const]),
  ] as const
  const tried = await Promise.all(targets.map(([about, url]) => reach(about, new URL(url), ca, clock)))
  return bus === undefined || proxyUrlFile !== undefined ? [...tried, skipped('port', 'Service Bus', 'the doctor will tell')] : tried
}

async function reach(about: string, { hostname, port }: URL, ca: string | undefined, clock: Clock): Promise<Finding> {
  const socket = tls.connect({ host: hostname, port: Number(port || 443), ...(ca && { ca }) })
  try {
    await once(socket, 'secureConnect', { signal: clock.deadline(reachMs) })
    return passed('port', about, 'reached')
  } catch (error) {
    return failed('port', about, `cannot be reached (${faultWord(error)})`, 'does a firewall or a proxy stand between?')
  } finally {
    socket.on('error', () => undefined)
    socket.destroy()
  }
}
