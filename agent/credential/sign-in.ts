/**
 * The agent's sign-in to Entra ID: by the certificate that lies in its file now, or by a client secret. The only agent file
 * that knows @azure/identity, but for administrators' sign-in (agent/ctl).
 *
 * The SDK's credential keeps the certificate it read first, so a new one is made whenever the file's content has changed. Where the
 * certificate in use is refused and the one it replaced is still there, that one is taken: Entra ID does not know a new
 * certificate everywhere at once.
 */
import { ClientCertificateCredential, ClientSecretCredential, type TokenCredential } from '@azure/identity'
import { Fault } from '../../shared/fault.ts'
import type { Secret } from '../../shared/secret.ts'
import { type OwnCertificate, privatePem, readPrivate } from './certificate.ts'
import type { CertificateFiles } from './files.ts'

export type { TokenCredential } from '@azure/identity'

export interface SignIn {
  tenantId: string
  clientId: string
  authority: string
  /** PEM; set only where the authority is not Microsoft's own. */
  localCa: string | undefined
}

const optionsOf = ({ authority, localCa }: SignIn) => ({
  authorityHost: authority,
  ...(localCa !== undefined && { disableInstanceDiscovery: true, tlsOptions: { ca: localCa } }),
})

export const signInBySecret = (of: SignIn, secret: string): TokenCredential =>
  new ClientSecretCredential(of.tenantId, of.clientId, secret, optionsOf(of))

/** Has no token kept from before: the first `getToken` proves the certificate. */
export const signInBy = (own: OwnCertificate, of: SignIn): TokenCredential =>
  new ClientCertificateCredential(of.tenantId, of.clientId, { certificate: privatePem(own) }, optionsOf(of))

/** The number in `AADSTS700027: …`: Entra ID said no. Undefined for everything else that goes wrong. */
export const refusalCode = (error: unknown): string | undefined => /AADSTS(\d{4,8})/.exec(error instanceof Error ? error.message : '')?.[1]

export type Passphrase = () => Promise<Secret | undefined>

export function signInByFile(files: Pick<CertificateFiles, 'inUse'>, passphrase: Passphrase, of: SignIn): TokenCredential {
  const known = new Map<string, TokenCredential>()

  async function credentialOf(pem: string, kept: readonly (string | undefined)[]): Promise<TokenCredential> {
    const credential = known.get(pem) ?? signInBy(readPrivate(pem, await passphrase()), of)
    for (const other of known.keys()) if (!kept.includes(other)) known.delete(other)
    known.set(pem, credential)
    return credential
  }
  return {
    async getToken(scopes, options) {
      const { current, old } = await files.inUse()
      if (current === undefined) throw new Fault('CERTIFICATE_UNUSABLE', 'the certificate file is not there')
      const way = async (pem: string) => (await credentialOf(pem, [current, old])).getToken(scopes, options)
      try {
        return await way(current)
      } catch (error) {
        if (old === undefined || old === current || refusalCode(error) === undefined) throw error
        return way(old).catch(() => Promise.reject(error))
      }
    },
  }
}
