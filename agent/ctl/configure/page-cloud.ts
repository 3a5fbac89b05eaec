/** The page "Connect to Entra ID": tenant, the agent's application, vault, Service Bus, and how the agent proves who it is. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Choice } from './ask.ts'
import { askSingle, type Draft, type Kit, untilGood } from './draft.ts'
import { certificate, client, clientSecret, connectionString, namespace, proxy, tenant, transport, vault } from './questions.ts'
import { type Json, textAt, withValue } from './settings-edit.ts'
import { withSingle } from './settings-shape.ts'
import { tryCloud } from './trial.ts'

export const connectCloud = (draft: Draft, kit: Kit): Promise<Draft> =>
  untilGood(
    draft,
    kit,
    async (before) => ({ ...before, settings: await askCloud(before.settings, kit) }),
    ({ settings }) => tryCloud(settings, kit.clock),
  )

async function askCloud(before: Json, kit: Kit): Promise<Json> {
  let settings = before
  for (const question of [tenant, client, vault]) settings = await askSingle(kit.ask, settings, question)
  settings = await askRelay(settings, kit)
  return askCredential(settings, kit)
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

async function askCredential(before: Json, { ask, folder }: Kit): Promise<Json> {
  const [file, secret] = [textAt(before, certificate.key), textAt(before, clientSecret.key)]
  const had: Proof = secret !== undefined ? 'secret' : file !== undefined && existsSync(file) ? 'certificate' : 'make'
  const proofs: readonly Choice<Proof>[] = [
    { value: 'make', label: 'A new certificate', hint: 'made here at the end, the key never leaves this machine' },
    { value: 'certificate', label: 'A certificate that is there' },
    { value: 'secret', label: 'A client secret that is there' },
  ]
  const proof = await ask.choose('How does the agent prove who it is?', proofs, had)
  if (proof !== 'make') return askSingle(ask, before, proof === 'certificate' ? certificate : clientSecret)
  return withSingle(before, certificate.key, file !== undefined && !existsSync(file) ? file : unusedIn(folder))
}

/** What is there is left as it is: an agent may be signing in with it. */
function unusedIn(folder: string): string {
  const names = Array.from({ length: 100 }, (_, n) => join(folder, `certificate${n === 0 ? '' : `-${n + 1}`}.pem`))
  return names.find((name) => !existsSync(name)) ?? join(folder, 'certificate.pem')
}
