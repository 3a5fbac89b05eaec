/**
 * `/applications/{id}` and `/applications(appId='…')`: the certificates of an application, read by itself or an administrator,
 * changed by itself with a proof of possession (addKey, removeKey) or by an administrator (PATCH).
 *
 * Sources: learn.microsoft.com/graph/api/application-addkey, -removekey, -update, serviceprincipal-get (an application may
 * read itself without any permission), resources/keycredential. What is not modelled is refused, not passed over.
 */
import { X509Certificate } from 'node:crypto'
import * as z from 'zod'
import { keyIdOf } from '../entra/applications.ts'
import { readCertificate } from '../entra/certificate.ts'
import type { Claims } from '../entra/verify.ts'
import type { Json } from '../stand-in.ts'
import type { WebRequest } from '../web.ts'
import type { RegisteredApplication } from './directory.ts'
import { decoded } from './operations.ts'
import { isProven } from './proof.ts'
import { badRequest, denied, notFound, proofMissing } from './refusals.ts'
import type { Graph, Result } from './shape.ts'

const readers = ['Application.Read.All', 'Application.ReadWrite.All', 'Directory.Read.All']
const writers = ['Application.ReadWrite.All']
const metadata = 'https://graph.microsoft.com/v1.0/$metadata'

type Act = (graph: Graph, application: RegisteredApplication, body: unknown, request: WebRequest) => Promise<Result> | Result

/** `own`: the application itself needs no permission. */
const acts: Readonly<Record<string, { own: boolean; roles: readonly string[]; run: Act }>> = {
  'GET ': { own: true, roles: readers, run: show },
  'PATCH ': { own: false, roles: writers, run: replaceKeys },
  'POST addKey': { own: true, roles: writers, run: addKey },
  'POST removeKey': { own: true, roles: writers, run: removeKey },
}

/** Undefined: the request is about something else. */
export async function answerApplication(graph: Graph, claims: Claims, request: WebRequest): Promise<Result | undefined> {
  const path = decoded(request.url.pathname) ?? ''
  const [, byAppId, byId, action = ''] = /^\/v1\.0\/applications(?:\(appId='([^']+)'\)|\/([^/]+))(?:\/(\w+))?$/.exec(path) ?? []
  const key = byAppId !== undefined ? { appId: byAppId } : byId !== undefined ? { id: byId } : undefined
  const act = key && acts[`${request.method} ${action}`]
  if (!act) return undefined
  const application = await graph.applications.find(key)
  const isOwn = act.own && application?.appId === claims.appid
  const isAllowed = act.roles.some((role) => claims.roles.includes(role)) || graph.applicationAdministrators.has(claims.oid)
  if (!isOwn && !isAllowed) return denied()
  if (!application) return notFound(byAppId ?? byId ?? '')
  const body = jsonOf(request.body)
  if (request.method !== 'GET' && body === undefined) return badRequest('Unable to read JSON request payload.')
  return act.run(graph, application, body, request)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `key` is there only where keyCredentials were asked for by name. */
function show(_: Graph, application: RegisteredApplication, __: unknown, { url }: WebRequest): Result {
  const { id, appId, certificates } = application
  const select = url.searchParams.get('$select')?.split(',')
  const all: Record<string, Json> = { id, appId, keyCredentials: certificates.map((each) => shownKey(each, select !== undefined)) }
  const unknown = select?.find((name) => !(name in all))
  if (unknown !== undefined) return badRequest(`Could not find a property named '${unknown}' on type 'microsoft.graph.application'.`)
  const shown = Object.entries(all).filter(([name]) => select?.includes(name) ?? true)
  return { kind: 'done', status: 200, body: { '@odata.context': `${metadata}#applications/$entity`, ...Object.fromEntries(shown) } }
}

function shownKey(certificate: string, withKey: boolean): { [name: string]: Json } {
  const { raw, subject, fingerprint, validFromDate, validToDate } = new X509Certificate(certificate)
  return {
    customKeyIdentifier: fingerprint.replaceAll(':', ''),
    displayName: subject,
    startDateTime: validFromDate.toISOString(),
    endDateTime: validToDate.toISOString(),
    key: withKey ? raw.toString('base64') : null,
    keyId: keyIdOf(certificate),
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
  }
}

const givenKey = z.looseObject({ type: z.literal('AsymmetricX509Cert'), usage: z.literal('Verify'), key: z.base64().min(1) })
const adding = z.object({ keyCredential: givenKey, passwordCredential: z.null().optional(), proof: z.string() })
const removing = z.object({ keyId: z.string(), proof: z.string() })

/** PEM; undefined for what is no certificate. */
function certificateIn(base64: string): string | undefined {
  try {
    return new X509Certificate(Buffer.from(base64, 'base64')).toString()
  } catch {
    return undefined
  }
}

const badKey = badRequest("Invalid value specified for property 'keyCredentials' of resource 'Application'.")

async function addKey({ applications, clock }: Graph, application: RegisteredApplication, body: unknown): Promise<Result> {
  const given = adding.safeParse(body)
  if (!given.success) return badRequest("Invalid value specified for property 'keyCredential' or 'proof'.")
  if (!(await isProven(application, given.data.proof, clock.now()))) return proofMissing()
  const certificate = certificateIn(given.data.keyCredential.key)
  if (certificate === undefined || readCertificate(certificate).notAfter < clock.now()) return badKey
  if (application.certificates.some((each) => keyIdOf(each) === keyIdOf(certificate))) return badKey
  await applications.setCertificates(application.appId, [...application.certificates, certificate])
  const context = `${metadata}#microsoft.graph.keyCredential`
  return { kind: 'done', status: 200, body: { '@odata.context': context, ...shownKey(certificate, false) } }
}

async function removeKey({ applications, clock }: Graph, application: RegisteredApplication, body: unknown): Promise<Result> {
  const given = removing.safeParse(body)
  if (!given.success) return badRequest("Invalid value specified for property 'keyId' or 'proof'.")
  if (!(await isProven(application, given.data.proof, clock.now()))) return proofMissing()
  const rest = application.certificates.filter((each) => keyIdOf(each) !== given.data.keyId.toLowerCase())
  if (rest.length === application.certificates.length) return badRequest('No credentials found to be removed.')
  await applications.setCertificates(application.appId, rest)
  return { kind: 'done', status: 204 }
}

const wholeList = z.strictObject({ keyCredentials: z.array(z.union([z.looseObject({ keyId: z.string() }), givenKey])) })

/** The list as it is given is the list as it will be: what is left out is gone. */
async function replaceKeys({ applications }: Graph, application: RegisteredApplication, body: unknown): Promise<Result> {
  const given = wholeList.safeParse(body)
  if (!given.success) return badKey
  const certificates: string[] = []
  for (const each of given.data.keyCredentials) {
    const kept = 'keyId' in each && application.certificates.find((known) => keyIdOf(known) === each.keyId)
    const certificate = kept || ('key' in each && typeof each.key === 'string' ? certificateIn(each.key) : undefined)
    if (!certificate) return badKey
    certificates.push(certificate)
  }
  await applications.setCertificates(application.appId, certificates)
  return { kind: 'done', status: 204 }
}
