/**
 * Entra ID, Service Bus and Key Vault as this agent meets them. No message is sent and none is taken: links are opened, the
 * queue `requests` is peeked at, and the vault decrypts a probe that was made here.
 *
 * Of what a service wrote only codes are shown: AADSTS numbers ("Microsoft Entra authentication and authorization error
 * codes"), HTTP status, the SDK's own word for an error.
 */
import type { TokenCredential } from '@azure/identity'
import { type Clock, inTime } from '../../../shared/clock.ts'
import { faultWord, isFault } from '../../../shared/fault.ts'
import { connectRelay, type RelayClient, type RelaySettings } from '../../../shared/relay/client.ts'
import type { KeyProofs } from '../../keys.ts'
import { type CheckId, type Finding, failed, isFailed, passed, skipped } from './checks.ts'

export interface CloudDeps {
  credential: TokenCredential
  relay: RelaySettings
  keys: KeyProofs
  clock: Clock
  limitMs: number
}

export async function checkCloud(deps: CloudDeps): Promise<Finding[]> {
  const byKey = deps.relay.address.kind === 'connectionString'
  const [busToken, vaultToken] = await Promise.all([
    byKey ? passed('token', 'Service Bus', 'none needed: by connection string') : checkToken('Service Bus', busScope, deps),
    checkToken('Key Vault', vaultScope, deps),
  ])
  const [bus, vault] = await Promise.all([
    isFailed(busToken) ? busChecks.map(([check, queue]) => skipped(check, queue, 'token failed')) : checkBus(deps),
    isFailed(vaultToken) ? vaultChecks.map((check) => skipped(check, '', 'token failed')) : checkVault(deps),
  ])
  return [busToken, vaultToken, ...bus, ...vault]
}

/** As the SDKs ask for them. */
const busScope = 'https://servicebus.azure.net//.default'
const vaultScope = 'https://vault.azure.net/.default'

const busChecks = [
  ['listen', 'requests'],
  ['send', 'replies'],
  ['send', 'events'],
] as const
const vaultChecks = ['package-key', 'password-key'] as const

const tokenCodes: Readonly<Record<string, string>> = {
  90002: 'the tenant is not known: "tenantId"',
  700016: 'the application is not known in this tenant: "identity.clientId"',
  700024: 'the assertion is outside its time: compare the clocks',
  700027: 'the certificate is not one of the application: register it there, or it has expired',
  7000215: 'the client secret is wrong',
  7000222: 'the client secret has expired',
}

async function checkToken(about: string, scope: string, { credential, clock, limitMs }: CloudDeps): Promise<Finding> {
  try {
    await credential.getToken(scope, { abortSignal: clock.deadline(limitMs) })
    return passed('token', about, 'given')
  } catch (error) {
    const code = /AADSTS(\d{4,8})/.exec(error instanceof Error ? error.message : '')?.[1]
    if (code === undefined) return failed('token', about, `not given (${faultWord(error)}): is "identity.authority" reached on 443?`)
    return failed('token', about, `refused (AADSTS${code})${tokenCodes[code] === undefined ? '' : `: ${tokenCodes[code]}`}`)
  }
}

const busWords: Readonly<Record<string, string>> = {
  UnauthorizedAccess: 'the right is missing, or the key is wrong',
  MessagingEntityNotFound: 'there is no such queue',
  MessagingEntityDisabled: 'the queue is disabled',
}

/** Links are opened and the queue is peeked at. */
export async function checkBus({ relay, clock, limitMs }: Pick<CloudDeps, 'relay' | 'clock' | 'limitMs'>): Promise<Finding[]> {
  const client = openRelay(relay, clock)
  if (!client) return busChecks.map(([check, queue]) => failed(check, queue, 'the connection string is none', 'copy it again, whole'))
  const claims = { listen: 'Listen', send: 'Send' } as const
  const attempt = async ([check, queue]: (typeof busChecks)[number]): Promise<Finding> => {
    try {
      await inTime(client.prove(queue, claims[check]), clock, limitMs)
      return passed(check, queue, check === 'listen' ? 'peeked at, nothing taken' : 'link opened, nothing sent')
    } catch (error) {
      const word = faultWord(error)
      const known = busWords[word]
      const todo = known === undefined ? 'is the namespace reached (443 for WebSockets, 5671 for TCP, or the proxy)?' : undefined
      return failed(check, queue, `${known ?? 'no connection'} (${word})`, todo)
    }
  }
  try {
    return await Promise.all(busChecks.map(attempt))
  } finally {
    await Promise.race([client.close().catch(() => {}), clock.sleep(1_000, { unref: true })])
  }
}

/** The SDK refuses at once what it cannot read. */
function openRelay(relay: RelaySettings, clock: Clock): RelayClient | undefined {
  try {
    return connectRelay(relay, clock)
  } catch {
    return undefined
  }
}

async function checkVault({ keys, clock, limitMs }: CloudDeps): Promise<Finding[]> {
  const attempt = async (check: CheckId, prove: () => Promise<Buffer[]>): Promise<Finding> => {
    try {
      const { length } = await inTime(prove(), clock, limitMs)
      if (length > 0) return passed(check, '', `${length} enabled version${length === 1 ? '' : 's'}`)
      return failed(check, '', 'there is no enabled version', 'start the function app: its first start makes the keys')
    } catch (error) {
      return failed(check, '', ...vaultReason(error))
    }
  }
  return Promise.all([attempt('package-key', keys.provePackageKeys), attempt('password-key', keys.provePasswordKeys)])
}

function vaultReason(error: unknown): [text: string, todo?: string] {
  const cause = isFault(error) ? error.cause : error
  const status = typeof cause === 'object' && cause !== null && 'statusCode' in cause ? cause.statusCode : undefined
  if (status === 403) return ['the right is missing, or the vault is closed to this network (HTTP 403)']
  if (status === 404) return ['it is not there (HTTP 404)', 'start the function app: its first start makes the keys']
  return [`no usable answer (${typeof status === 'number' ? `HTTP ${status}` : faultWord(cause)})`, 'is "vault.url" reached on 443?']
}
