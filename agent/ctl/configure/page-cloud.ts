/** The page "Connect to Entra ID": tenant, the agent's application, vault, Service Bus, and how the agent proves who it is. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { defaultJournalFile } from '../../settings.ts'
import type { Choice } from './ask.ts'
import { askSingle, type Draft, type Kit, untilGood } from './draft.ts'
import { certificate, client, clientSecret, connectionString, namespace, proxy, tenant, transport, vault } from './questions.ts'
import { type Json, textAt, withValue } from './settings-edit.ts'
import { withSingle } from './settings-shape.ts'

export const connectCloud = (draft: Draft, kit: Kit): Promise<Draft> =>
  untilGood(draft, kit, (before) => askCloud(before, kit), kit.trials.cloud)

async function askCloud(before: Draft, kit: Kit): Promise<Draft> {
  let { settings } = before
  for (const question of [tenant, client, vault]) settings = await askSingle(kit.ask, settings, question)
  settings = await askRelay(settings, kit)
  return askCredential({ ...before, settings }, kit)
}

const busWays = [
  { value: 'identity', label: 'By its own identity', hint: 'a right on the namespace' },
  { value: 'sas', label: 'By a SAS rule', hint: 'a connection string' },
] as const

const roads = [
  { value: 'websockets', label: 'WebSockets', hint: '443' },
  { value: 'tcp', label: 'AMQP over TCP', hint: '5671' },
] as const

async function askRelay(before: Json, { ask }: Kit): Promise<Json> {
  const had = textAt(before, connectionString.key) === undefined ? 'identity' : 'sas'
  const way = await ask.choose('How does the agent sign in to Service Bus?', busWays, had)
  const settings = await askSingle(ask, before, way === 'identity' ? namespace : connectionString)
  const road = await ask.choose(transport.ask, roads, textAt(before, transport.key) === 'tcp' ? 'tcp' : 'websockets')
  const chosen = withValue(settings, transport.key, road)
  return road === 'tcp' ? withValue(chosen, proxy.key, undefined) : askSingle(ask, chosen, proxy, true)
}

type Proof = 'make' | 'certificate' | 'secret'

async function askCredential(before: Draft, { ask }: Kit): Promise<Draft> {
  const { settings } = before
  const [file, secret] = [textAt(settings, certificate.key), textAt(settings, clientSecret.key)]
  const had: Proof = secret !== undefined ? 'secret' : file !== undefined && existsSync(file) ? 'certificate' : 'make'
  const proofs: readonly Choice<Proof>[] = [
    { value: 'make', label: 'A new certificate', hint: 'made here at the end, the key never leaves this machine' },
    { value: 'certificate', label: 'A certificate that is there' },
    { value: 'secret', label: 'A client secret that is there' },
  ]
  const proof = await ask.choose('How does the agent prove who it is?', proofs, had)
  if (proof !== 'make') return { ...before, settings: await askSingle(ask, settings, proof === 'certificate' ? certificate : clientSecret) }
  const register = await ask.choose('Who registers it with the application?', registrars, before.register ? 'signIn' : 'byHand')
  const made = file !== undefined && !existsSync(file) ? file : unusedCertificate(settings)
  return { ...before, settings: withSingle(settings, certificate.key, made), register: register === 'signIn' }
}

const registrars = [
  { value: 'signIn', label: 'An administrator of the application, who signs in here at the end' },
  { value: 'byHand', label: 'Somebody else, by hand', hint: 'how is shown' },
] as const

/** Beside the journal, where the agent may write: it renews it there. What is there is left as it is. */
export function unusedCertificate(settings: Json): string {
  const folder = dirname(textAt(settings, 'journalFile') ?? defaultJournalFile)
  const names = Array.from({ length: 100 }, (_, n) => join(folder, `certificate${n === 0 ? '' : `-${n + 1}`}.pem`))
  return names.find((name) => !existsSync(name)) ?? join(folder, 'certificate.pem')
}
