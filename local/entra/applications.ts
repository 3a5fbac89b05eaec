/**
 * The tenant's directory of applications, as Microsoft Graph reads and writes it: `GET /{tenant}/-/applications`, and `PUT` for
 * the certificates of one. One directory stands behind sign-in and Graph: what the one registers the other knows at once.
 *
 * The real tenant shows no such address. It takes a key of this start, which stand-ins alone are given.
 */
import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { Json } from '../stand-in.ts'
import type { WebAnswer, WebRequest } from '../web.ts'
import { readCertificate } from './certificate.ts'
import type { Application } from './principals.ts'

/** Where a stand-in that is not this one finds the directory. */
export interface DirectoryAccess {
  /** `authorityHost` and the tenant. */
  url: string
  key: string
  ca: string
}

export const directoryPath = '/-/applications'

export type RegisteredApplication = { id: string; appId: string; certificates: string[] }

const guidFrom = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Of the application object: another one than its service principal's, whose id tokens carry as `oid`. */
export const applicationObjectId = (clientId: string): string => guidFrom(`application ${clientId}`)
export const keyIdOf = (certificate: string): string => guidFrom(`key ${readCertificate(certificate).sha256}`)

const shown = ({ clientId, certificates = [] }: Application): RegisteredApplication => {
  return { id: applicationObjectId(clientId), appId: clientId, certificates: [...certificates] }
}

const list = z.array(z.string())

export function answerDirectory(agents: Map<string, Application>, key: string | undefined, request: WebRequest): WebAnswer {
  if (key === undefined || request.headers.authorization !== `Bearer ${key}`) return { status: 404 }
  if (request.method === 'GET') return { status: 200, body: [...agents.values()].map(shown) as Json }
  const agent = agents.get(request.url.pathname.split('/').at(-1) ?? '')
  const certificates = list.safeParse(JSON.parse(request.body))
  if (request.method !== 'PUT' || !agent || !certificates.success) return { status: 400 }
  agents.set(agent.clientId, { ...agent, certificates: certificates.data })
  return { status: 204 }
}
