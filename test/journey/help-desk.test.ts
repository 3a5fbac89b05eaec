/**
 * The help desk for somebody who calls: what they may, which password opens the directory afterwards, and what the audit
 * tells of it all. And a person's own reset, as the audit tells it.
 */
import { describe, expect, it, vi } from 'vitest'
import { run } from '../../infra/cli/run.ts'
import { adminEnvironment } from '../../local/app.ts'
import type { SampleUser } from '../../local/directory/seed.ts'
import { call } from '../../local/reset-client.ts'
import { systemClock } from '../../shared/clock.ts'
import { objectIdOf, tokenFor } from './sign-in.fixture.ts'
import { messagesSent, passGate, personNamed, signIn, useSystem } from './support.ts'

vi.setConfig({ testTimeout: 30_000 })
const running = useSystem()

const ada = 'ada.admin@corp.example.test'
const hal = 'hal.helpdesk@corp.example.test'
const given = 'Wbx-7201-quartz'

const manage = async (upn: string, path: string, body?: object) => {
  const headers = { authorization: `Bearer ${await tokenFor(running(), 'manage', upn)}` }
  return call(running().url, `manage/${path}`, { headers, ...(body && { body }) })
}
const idOf = (person: SampleUser) => objectIdOf(running(), person)
const audit = async (query: Record<string, string>) => (await manage(ada, `audit?${new URLSearchParams(query)}`)).body.entries
const desk = async (upn: string, ...args: string[]) => {
  const printed: string[] = []
  const io = {
    print: (text: string) => void printed.push(text),
    tell(text: string) {
      const code = /enter the code (\w+) /.exec(text)?.[1]
      if (code !== undefined) void running().parts.entra.call('signIn', code, upn, {})
    },
  }
  return { code: await run(args, adminEnvironment(running()), io, systemClock), printed: printed.join('\n') }
}

describe('a person who calls the help desk', () => {
  it('gets a generated password that is shown once and opens the directory; the audit names who gave it', async () => {
    const person = personNamed(running(), 'alice.adams')
    const id = await idOf(person)
    const { code, printed } = await desk(hal, 'users', 'reset', id, '--reason', 'called, knew the badge number', '--keep')
    expect(code).toBe(0)
    const password = /shown this once: (\S+)$/.exec(printed)?.[1] ?? ''
    expect(await signIn(running(), person.dn, password)).toBe('accepted')
    expect(await signIn(running(), person.dn, person.password)).toBe('refused')

    const who = running().administration.people.find(({ upn }) => upn === hal)?.objectId
    const entries = await audit({ subject: id })
    const [told, submitted, act] = ['outcomeTold', 'submitted', 'administratorActed'].map((event) =>
      entries.find((entry: { event: string }) => entry.event === event),
    )
    const request = expect.stringMatching(/^[\w-]{22}$/)
    expect(told).toMatchObject({ id: 31010, outcome: 'done', operation: 'adminReset', who, request })
    expect(submitted).toMatchObject({ id: 31009, operation: 'adminReset', who, request: told.request })
    expect(act).toMatchObject({ who, action: 'resetUser', reason: 'called, knew the badge number', outcome: 'done', request: told.request })
    expect(JSON.stringify(entries)).not.toContain(password)
  })

  it('has to change a given password at the next sign-in, unless it is said otherwise', async () => {
    const person = personNamed(running(), 'carol.clark')
    const id = await idOf(person)
    const answer = await manage(hal, `users/${id}/password`, { reason: 'called', newPassword: given })
    expect(answer).toMatchObject({ status: 200, body: { code: 'done', effect: 'changed', user: id } })
    expect(answer.body).not.toHaveProperty('newPassword')
    expect(await running().parts.directory.call('user', person.sam)).toMatchObject({ mustChange: true })
    expect(await signIn(running(), person.dn, given)).toBe('refused')
  })

  it('is unlocked with the password they have', async () => {
    const person = personNamed(running(), 'frank.locked')
    const id = await idOf(person)
    expect(await manage(hal, `users/${id}/unlock`, { reason: 'called' })).toMatchObject({ status: 200, body: { code: 'unlocked' } })
    expect(await running().parts.directory.call('user', person.sam)).toMatchObject({ locked: false })
    expect(await signIn(running(), person.dn, person.password)).toBe('accepted')
  })

  it('is told why it would not work, and the rules', async () => {
    const id = await idOf(personNamed(running(), 'alice.adams'))
    const answer = await manage(hal, `users/${id}/check`, { reason: 'called' })
    expect(answer).toMatchObject({ status: 200, body: { code: 'done', policy: { minLength: 10, complexity: true } } })
    const disabled = await idOf(personNamed(running(), 'dave.disabled'))
    expect(await manage(hal, `users/${disabled}/check`, { reason: 'called' })).toMatchObject({
      status: 403,
      body: { code: 'accountDisabled' },
    })
  })
})

describe('the help desk', () => {
  it('acts on nobody who is an administrator or may become one, nor on themselves: no message is sent', async () => {
    const { parts, administration } = running()
    const person = personNamed(running(), 'bob.brown')
    const id = await idOf(person)
    const before = await messagesSent(running())
    await parts.graph.call('assignRole', id, { eligible: true })
    for (const [operation, body] of [['password', { newPassword: given }], ['unlock'], ['check']] as const) {
      const answer = await manage(hal, `users/${id}/${operation}`, { reason: 'called', ...body })
      expect([answer.status, answer.body.code], operation).toEqual([403, 'administratorsOnly'])
    }
    const self = administration.people.find(({ upn }) => upn === hal)?.objectId
    expect(await manage(hal, `users/${self}/password`, { reason: 'forgot' })).toMatchObject({ status: 403, body: { code: 'notYourself' } })
    expect(await messagesSent(running())).toEqual(before)
    expect(await audit({ subject: id, outcome: 'administratorsOnly' })).toHaveLength(3)

    const byAda = await manage(ada, `users/${id}/password`, { reason: 'in person', newPassword: given, mustChange: false })
    expect(byAda).toMatchObject({ status: 200, body: { code: 'done' } })
    expect(await signIn(running(), person.dn, given)).toBe('accepted')
  })

  it('sees who serves, with what they have counted', async () => {
    const { status, body } = await manage(hal, 'status')
    expect([status, body.on, body.writeback, body.live]).toEqual([200, true, 'up', 1])
    expect(body.agents[0]).toMatchObject({ version: expect.any(String), counters: { handled: expect.any(Number) } })
    expect((await desk(hal, 'status')).printed).toContain('handled:')
    expect(await manage(hal, 'audit')).toMatchObject({ status: 403 })
  })
})

describe('a person’s own reset', () => {
  it('stands in the audit step by step, by ids alone, and as a file', async () => {
    const person = personNamed(running(), 'odd.comma')
    const flow = await passGate(running(), person)
    expect(await flow.password(given)).toMatchObject({ status: 200 })
    const id = await idOf(person)
    await expect.poll(async () => (await audit({ subject: id })).length).toBe(5)
    const entries: Record<string, unknown>[] = await audit({ subject: id })
    expect(entries.map(({ event }) => event)).toEqual(['outcomeTold', 'submitted', 'gatePassed', 'codeAsked', 'flowStarted'])
    expect(entries.map((entry) => entry['id'])).toEqual([31002, 31001, 34074, 34071, 34070])
    expect(entries[0]?.['request']).toBe(entries[1]?.['request'])
    const text = JSON.stringify(entries)
    for (const secret of [person.upn, person.mail, person.sam, given]) expect(text).not.toContain(secret)

    const token = await tokenFor(running(), 'manage', ada)
    const file = (format: string) =>
      fetch(`${running().url}/api/manage/audit?subject=${id}&format=${format}`, { headers: { authorization: `Bearer ${token}` } })
    const csv = await file('csv')
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect((await csv.text()).split('\r\n').slice(0, 2).join()).toMatch(/^"at","event","id",.*,"[^"]+","outcomeTold","31002",/)
    const lines = (await (await file('jsonl')).text()).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(entries.map(({ event }) => event))
    expect((await desk(ada, 'audit', '--subject', id, '--format', 'csv')).printed.split('\n')).toHaveLength(6)
  })
})
