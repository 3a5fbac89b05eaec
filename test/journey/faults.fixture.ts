/**
 * What the stories of trouble share: who has a request in hand, how an agent comes back, and somebody else in the directory.
 *
 * Every "now" in these stories is an event that was seen (a line in an agent's log, an operation that hangs, a message that
 * was stored), never a pause of some length.
 */
import { Attribute, Change, Client } from 'ldapts'
import { expect, vi } from 'vitest'
import type { AgentProcess } from '../../local/agent.ts'
import type { SampleUser } from '../../local/directory/seed.ts'
import type { HttpAnswer, ResetFlow } from '../../local/reset-client.ts'
import type { System } from '../../local/what-runs.ts'
import { messagesSent, patience } from './support.ts'

export interface Submitted {
  /** The message's id, as it stands in the logs. */
  request: string
  answer: Promise<HttpAnswer>
}

/** Submits a new password and resolves when its message lies on the queue. One at a time: messages are told apart by their order. */
export async function submit(system: System, flow: ResetFlow, newPassword: string): Promise<Submitted> {
  const { requests } = await messagesSent(system)
  const answer = flow.password(newPassword)
  await vi.waitFor(async () => expect((await messagesSent(system)).requests).toBe(requests + 1), patience)
  const request = (await system.parts.bus.call('recent', 'requests')).at(-1)?.messageId ?? ''
  return { request, answer }
}

export const about = (request: string) => (fields: Record<string, unknown>) => fields['request'] === request

/** The first of these agents that begins with the request. */
export const whoHas = (agents: readonly AgentProcess[], { request }: Submitted): Promise<AgentProcess> =>
  Promise.race(agents.map((agent) => agent.event('resetStarted', about(request)).then(() => agent)))

export async function kill(agent: AgentProcess): Promise<void> {
  agent.kill('SIGKILL')
  await agent.exited
}

/** The same installation again; resolves when it has sent its first heartbeat. */
export async function restart(system: System, name: string): Promise<AgentProcess> {
  const agent = await system.startAgain(name)
  await agent.event('heartbeat')
  return agent
}

/** Resolves when the directory has taken this many password writes for this person, whoever made them. */
export async function whenWritten({ parts }: System, { sam }: SampleUser, count = 1): Promise<void> {
  await vi.waitFor(async () => expect(await parts.directory.call('user', sam)).toMatchObject({ passwordWrites: count }), patience)
}

export const writesOf = async ({ parts }: System, { sam }: SampleUser): Promise<number> =>
  (await parts.directory.call('user', sam)).passwordWrites

/** An administrator at a console sets somebody's password, past everything of ours; as a help desk does, to be changed at the next sign-in. */
export async function setOnPremises(
  { forest, parts, ca }: System,
  { dn }: SampleUser,
  password: string,
  mustChange = false,
): Promise<void> {
  const client = new Client({ url: parts.directory.addresses.ldaps, tlsOptions: { ca, servername: forest.hostName } })
  const value = Buffer.from(`"${password}"`, 'utf16le')
  const changes = [new Attribute({ type: 'unicodePwd', values: [value] })]
  if (mustChange) changes.push(new Attribute({ type: 'pwdLastSet', values: ['0'] }))
  try {
    await client.bind(forest.administrator.dn, forest.administrator.password)
    await client.modify(
      dn,
      changes.map((modification) => new Change({ operation: 'replace', modification })),
    )
  } finally {
    await client.unbind()
  }
}

/** Nothing waits, nothing is locked and nothing was put aside: on no queue. */
export async function whenQueuesAreEmpty({ parts }: System): Promise<void> {
  const empty = { active: 0, locked: 0, deferred: 0, scheduled: 0, deadLettered: 0 }
  await vi.waitFor(
    async () => expect(await parts.bus.call('stats')).toMatchObject({ requests: empty, replies: empty, events: empty }),
    patience,
  )
}
