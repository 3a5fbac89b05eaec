/**
 * What journeys share: one system of real processes per file, and the steps nearly every story begins with.
 *
 * A story uses the same doors as a person or a program: HTTP, the mail that arrives, a bind to the directory. Controls of
 * the stand-ins are for what nobody outside can see: how many messages were sent, whom the cloud directory was asked for.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, vi } from 'vitest'
import { bindAs } from '../../local/bind.ts'
import type { SampleUser } from '../../local/directory/seed.ts'
import { call, codeIn, type ResetFlow, startReset } from '../../local/reset-client.ts'
import { startSystem } from '../../local/system.ts'
import type { System, SystemOptions } from '../../local/what-runs.ts'

export const patience = { timeout: 20_000, interval: 50 }

/** Starts a system before the file's tests and removes every trace of it after them; the accessor is for inside tests. */
export function useSystem(options: Omit<SystemOptions, 'folder'> = {}): () => System {
  let system: System | undefined
  let folder: string | undefined
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'journey-'))
    system = await startSystem({ inside: true, ...options, folder })
    if (options.agents !== 0) await whenUp(system)
  })
  afterAll(async () => {
    await system?.close()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })
  return () => {
    if (!system) throw new Error('the system runs inside tests only')
    return system
  }
}

/** An agent that has said so is not yet one that was heard. */
export async function whenUp({ url }: Pick<System, 'url'>): Promise<void> {
  await vi.waitFor(async () => expect((await call(url, 'status')).body).toEqual({ writeback: 'up' }), patience)
}

export function personNamed({ forest }: Pick<System, 'forest'>, sam: string): SampleUser {
  const found = forest.users.find((user) => user.sam === sam)
  if (!found) throw new Error(`nobody is called ${sam} here`)
  return found
}

/** Asks for a code and reads it from the mail that follows. */
export async function codeFor(system: System, flow: ResetFlow, mail: string): Promise<string> {
  const before = (await system.parts.mail.call('messages', mail)).length
  expect(await flow.challenge()).toMatchObject({ status: 202, body: { state: 'challenged' } })
  return codeIn((await system.parts.mail.call('waitFor', mail, before, patience.timeout)).text)
}

/** A flow that waits for its new password. One at a time per person: codes are told apart by the order of their mails. */
export async function passGate(system: System, { upn, mail }: { upn: string; mail: string }): Promise<ResetFlow> {
  const flow = await startReset(system.url, upn)
  const code = await codeFor(system, flow, mail)
  expect(await flow.verify(code)).toMatchObject({ status: 200, body: { state: 'verified' } })
  return flow
}

export const signIn = ({ forest, parts, ca }: System, dn: string, password: string): Promise<'accepted' | 'refused'> =>
  bindAs({ url: parts.directory.addresses.ldaps, hostName: forest.hostName, ca }, dn, password)

/** Messages ever taken by the queues that carry passwords and their answers. */
export async function messagesSent({ parts }: System): Promise<{ requests: number; replies: number }> {
  const { requests, replies } = await parts.bus.call('stats')
  return { requests: requests?.sent ?? 0, replies: replies?.sent ?? 0 }
}

/**
 * What `act` answered, once the one challenge it asked for has been worked off, mail or not: nobody outside can see that.
 * Only for tests that run alone, because it counts what the whole system has done.
 */
export async function delivered<T>({ parts }: Pick<System, 'parts'>, act: () => Promise<T>): Promise<T> {
  const state = async () => {
    const { running, functions } = await parts.host.call('counts')
    return { running, done: functions['deliverChallenge']?.succeeded ?? 0 }
  }
  await vi.waitFor(async () => expect(await state()).toMatchObject({ running: 0 }), patience)
  const { done } = await state()
  const answer = await act()
  await vi.waitFor(async () => expect(await state()).toEqual({ running: 0, done: done + 1 }), patience)
  return answer
}
