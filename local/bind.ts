/** Signs in to the directory as a person would: a simple bind over LDAPS. The proof that a password works, or does not. */
import { Client, InvalidCredentialsError } from 'ldapts'

export interface BindTarget {
  /** `ldaps://address:port` */
  url: string
  hostName: string
  ca: string
}

export async function bindAs({ url, hostName, ca }: BindTarget, dn: string, password: string): Promise<'accepted' | 'refused'> {
  const client = new Client({ url, tlsOptions: { ca, servername: hostName }, connectTimeout: 5_000, timeout: 5_000 })
  try {
    await client.bind(dn, password)
    return 'accepted'
  } catch (error) {
    if (error instanceof InvalidCredentialsError) return 'refused'
    throw error
  } finally {
    await client.unbind()
  }
}
