/**
 * What answers in an agent's place for the bench `sdks`: the same calls of the same packages, and nothing of the product but the way
 * its settings are read. Started like an agent; what it prints first is the key to encrypt under.
 */
import { CryptographyClient, KeyClient } from '@azure/keyvault-keys'
import { ServiceBusClient } from '@azure/service-bus'
import { Client } from 'ldapts'
import { localAuthority, openCredential } from '../agent/compose.ts'
import { readSecretFile, readSettings } from '../agent/settings.ts'
import { change, PolicyHints, reset } from '../local/directory/testing.ts'
import { webSocketOptions } from '../shared/relay/transport.ts'

const settings = readSettings(process.argv[3] ?? '', {})
const ca = localAuthority(settings)
const credential = openCredential(settings, ca)
const vaultOptions = { disableChallengeResourceVerification: true, tlsOptions: { ca } }
const { n, e, kid = '' } = (await new KeyClient(settings.vault.url, credential, vaultOptions).getKey('password-key')).key ?? {}
const cryptography = new CryptographyClient(kid, credential, vaultOptions)

const { namespace = '', endpoint = '' } = settings.relay
const webSockets = webSocketOptions({ transport: 'websockets', ca }).options
const bus = new ServiceBusClient(namespace, credential, { customEndpointAddress: endpoint, webSocketOptions: webSockets })
const requests = bus.createReceiver('requests', { receiveMode: 'peekLock', maxAutoLockRenewalDurationInMs: 0 })
const replies = bus.createSender('replies')

const [forest] = settings.forests
if (!forest) throw new Error('no forest')
const [[servername = '', address] = []] = Object.entries(forest.addresses ?? {})
const directory = new Client({ url: `ldaps://${address}`, tlsOptions: { ca: readSecretFile(forest.caFile ?? '').use(String), servername } })
await directory.bind(forest.bindDn, readSecretFile(forest.bindPasswordFile).use(String))

/** As many attributes as an agent reads. */
const attributes = ['distinguishedName', 'objectGUID', 'objectSid', 'tokenGroups', 'adminCount', 'mS-DS-ConsistencyGuid', 'sAMAccountName']
attributes.push('displayName', 'pwdLastSet', 'userAccountControl', 'accountExpires', 'msDS-User-Account-Control-Computed')
attributes.push('badPwdCount', 'badPasswordTime', 'msDS-ResultantPSO', 'msDS-ExternalDirectoryObjectId')
const unlock = change('replace', 'lockoutTime', '0')

requests.subscribe(
  {
    async processMessage(message) {
      const [blob, dn] = [message.body.subarray(0, 256), message.body.subarray(256).toString()]
      const [{ result }] = await Promise.all([
        cryptography.decrypt({ algorithm: 'RSA-OAEP-256', ciphertext: blob }),
        directory.search(dn, { scope: 'base', attributes, explicitBufferAttributes: attributes }),
        requests.renewMessageLock(message),
      ])
      await directory.modify(dn, [...reset(Buffer.from(result).toString('utf8')), unlock], new PolicyHints())
      const { messageId = '', replyToSessionId = '' } = message
      await replies.sendMessages({
        body: Buffer.alloc(91),
        messageId,
        correlationId: messageId,
        sessionId: replyToSessionId,
        timeToLive: 300_000,
      })
      await requests.completeMessage(message)
    },
    processError: async ({ error }) => void process.stderr.write(`${error}\n`),
  },
  { autoCompleteMessages: false, maxConcurrentCalls: 2 },
)
await replies.createMessageBatch()
const key = { kty: 'RSA', n: base64url(n), e: base64url(e) }
process.stdout.write(`${JSON.stringify({ event: 'agentStarted', key })}\n`)

function base64url(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('base64url')
}
