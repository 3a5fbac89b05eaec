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
import { brokenScope, forest, rule } from '../../directory-settings.ts'
import { type CloudSettings, fileProblem, parseCloud } from '../../settings.ts'
import { type Finding, failed, passed, skipped } from '../doctor/checks.ts'
import { checkDirectory } from '../doctor/directory.ts'
import { examineCloud } from '../doctor.ts'
import { itemNamed, itemsOf, type Json } from './settings-edit.ts'

/** The forest `name`, its rules with it once there are any. */
export async function tryForest(settings: Json, name: string, password: Secret | undefined, clock: Clock): Promise<Finding[]> {
  const parsed = forest.safeParse(itemNamed(settings, 'forests', name))
  if (!parsed.success) return [failed('settings', name, 'the answers are not complete')]
  if (password === undefined && fileProblem(parsed.data.bindPasswordFile, 'private') !== undefined)
    return [failed('settings', name, 'its password cannot be read')]
  const rules = itemsOf(settings, 'rules').flatMap((each) => rule.safeParse(each).data ?? [])
  const own = rules.filter((each) => each.forest === name && brokenScope({ forests: [parsed.data], rules: [each] }).length === 0)
  const directory = { forests: [forestSettings(parsed.data, password)], rules: own, ldapMs: defaultTimes.ldapMs }
  return checkDirectory(directory, { clock, sample: 20 })
}

/** By the agent's credential if there is one; if it is still to be made, only whether all three can be reached. */
export async function tryCloud(settings: Json, clock: Clock): Promise<Finding[]> {
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
