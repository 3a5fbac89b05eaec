/**
 * From settings to what the parts are opened with: the files that settings name are read here. The agent and `agentctl doctor`
 * use the same, so what the one proves is what the other will do.
 */
import { readFileSync } from 'node:fs'
import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import type { RelaySettings } from '../shared/relay/client.ts'
import type { Secret } from '../shared/secret.ts'
import { makeCertificate, type OwnCertificate, ownName } from './credential/certificate.ts'
import { certificateFiles } from './credential/files.ts'
import { graphScope, openApplication } from './credential/graph.ts'
import { readPassphrase } from './credential/passphrase.ts'
import type { RenewalDeps } from './credential/renewal.ts'
import { type Passphrase, type SignIn, signInBy, signInByFile, signInBySecret, type TokenCredential } from './credential/sign-in.ts'
import type { DirectorySettings, ForestSettings } from './directory/directory.ts'
import type { Forest } from './directory-settings.ts'
import { type AgentSettings, readSecretFile } from './settings.ts'

export const localAuthority = ({ localCaFile }: Pick<AgentSettings, 'localCaFile'>): string | undefined =>
  localCaFile === undefined ? undefined : readFileSync(localCaFile, 'utf8')

type Identified = Pick<AgentSettings, 'tenantId' | 'identity'>

export const signInOf = ({ tenantId, identity }: Identified, localCa: string | undefined): SignIn => {
  return { tenantId, clientId: identity.clientId, authority: identity.authority, localCa }
}

/** Read once: it stays as long as the agent does. What failed is read again by whoever asks next. */
export function passphraseOf({ identity: { passphraseFile } }: Pick<AgentSettings, 'identity'>): Passphrase {
  let passphrase: Promise<Secret> | undefined
  return async () => {
    if (passphraseFile === undefined) return undefined
    passphrase ??= readPassphrase(passphraseFile).catch((error: unknown) => {
      passphrase = undefined
      throw error
    })
    return passphrase
  }
}

export function openCredential(settings: Identified, localCa: string | undefined): TokenCredential {
  const { certificateFile, secretFile } = settings.identity
  const signIn = signInOf(settings, localCa)
  if (certificateFile === undefined) return signInBySecret(signIn, textOf(secretFile ?? ''))
  return signInByFile(certificateFiles(certificateFile), passphraseOf(settings), signIn)
}

/** Undefined where the agent signs in by a client secret, which it cannot renew. */
export function renewalOf(
  settings: AgentSettings,
  localCa: string | undefined,
  { clock, log }: { clock: Clock; log: Log },
): RenewalDeps | undefined {
  const { certificateFile, clientId, graphUrl } = settings.identity
  if (certificateFile === undefined) return undefined
  const signIn = (own: OwnCertificate) => signInBy(own, signInOf(settings, localCa))
  return {
    files: certificateFiles(certificateFile),
    passphrase: passphraseOf(settings),
    make: () => makeCertificate(ownName(), clock.now()),
    application: (own) => openApplication({ graphUrl, clientId, credential: signIn(own), clock, localCa }),
    proveSignIn: async (own) => void (await signIn(own).getToken(graphScope)),
    clock,
    log,
  }
}

export function relaySettings({ relay }: Pick<AgentSettings, 'relay'>, credential: TokenCredential, ca: string | undefined): RelaySettings {
  const { namespace, endpoint, connectionStringFile, proxyUrlFile, transport } = relay
  const road = { transport, ca, proxyUrl: proxyUrlFile === undefined ? undefined : textOf(proxyUrlFile) }
  if (namespace !== undefined) return { ...road, address: { kind: 'identity', namespace, endpoint, credential } }
  return { ...road, address: { kind: 'connectionString', connectionString: textOf(connectionStringFile ?? '') } }
}

const textOf = (path: string) => readSecretFile(path).use((value) => value.toString('utf8'))

export function directorySettings({ forests, rules, times }: AgentSettings): DirectorySettings {
  return { forests: forests.map((forest) => forestSettings(forest)), rules, ldapMs: times.ldapMs }
}

/** `password`: if it is in no file yet. */
export function forestSettings({ bindPasswordFile, caFile, ...forest }: Forest, password?: Secret): ForestSettings {
  const ca = caFile === undefined ? undefined : readFileSync(caFile, 'utf8')
  return { ...forest, bindPassword: password ?? readSecretFile(bindPasswordFile), ca }
}
