/**
 * Passwords that can be recognized everywhere are sent through every ending a request can have; then everything that was
 * written down anywhere is searched for them. Found nowhere; the mailed code is in its mail alone.
 */
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { TableClient, TableServiceClient } from '@azure/data-tables'
import { QueueServiceClient } from '@azure/storage-queue'
import { describe, expect, it, vi } from 'vitest'
import { connectionString } from '../../local/azurite.ts'
import { call, startReset } from '../../local/reset-client.ts'
import type { System } from '../../local/what-runs.ts'
import { filesIn, findings, type Place, spellings } from './canary.fixture.ts'
import { kill, restart, submit } from './faults.fixture.ts'
import { objectIdOf, tokenFor } from './sign-in.fixture.ts'
import { codeFor, personNamed, signIn, useSystem } from './support.ts'

vi.setConfig({ testTimeout: 60_000 })

const times = { ldapMs: 2_500, lockMs: 4_000, startWithinMs: 14_000, ttlMs: 26_000, answerMs: 30_000 }
const running = useSystem({ times, extraUsers: 3 })

/** With what JSON, URLs, LDAP and CBOR would spell differently. */
const canary = (name: string) => `Kanari"${name}\\é漢/+ 7%`

const place = (name: string, value: unknown): Place => ({ name, bytes: Buffer.from(JSON.stringify(value)) })

async function storedRows(connection: string): Promise<Place[]> {
  const options = { allowInsecureConnection: true }
  const places: Place[] = []
  for await (const { name = '' } of TableServiceClient.fromConnectionString(connection, options).listTables()) {
    for await (const row of TableClient.fromConnectionString(connection, name, options).listEntities()) {
      places.push(place(`table ${name}`, row))
    }
  }
  return places
}

async function queuedTexts(connection: string): Promise<Place[]> {
  const service = QueueServiceClient.fromConnectionString(connection)
  const places: Place[] = []
  for await (const { name } of service.listQueues()) {
    const { peekedMessageItems } = await service.getQueueClient(name).peekMessages({ numberOfMessages: 32 })
    // The SDK's texts are base64 by the host's convention: both are looked at.
    const texts = peekedMessageItems.map(({ messageText }) => [messageText, Buffer.from(messageText, 'base64').toString('latin1')])
    places.push(place(`storage queue ${name}`, texts))
  }
  return places
}

/** Whatever lies outside of memory while the system runs. */
async function keptByServices({ parts }: System): Promise<Place[]> {
  const { azurite, bus, graph, mail, vault } = parts
  const storage = connectionString(azurite.addresses)
  const onBus = await Promise.all(
    ['requests', 'replies', 'events'].map(async (queue) => {
      const messages = await bus.call('recent', queue)
      const bodies = Buffer.concat(messages.map(({ bodyBase64 }) => Buffer.from(bodyBase64, 'base64')))
      return [place(`bus ${queue}`, messages), { name: `bus ${queue}, bodies`, bytes: bodies }]
    }),
  )
  return [
    ...(await storedRows(storage)),
    ...(await queuedTexts(storage)),
    ...onBus.flat(),
    place('paths asked of Graph', await graph.call('requests')),
    place('vault', [await vault.call('stats'), await vault.call('versions')]),
    ...(await mail.call('messages')).map((each) => place(`mail "${each.subject}"`, each)),
  ]
}

describe('the search', () => {
  it('finds what was planted, in every spelling, and nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'canary-'))
    const planted = canary('planted')
    for (const [spelling, bytes] of spellings(planted)) {
      const file = join(folder, spelling, 'file')
      await mkdir(join(folder, spelling))
      await writeFile(file, Buffer.concat([Buffer.from([0, 255, 10]), bytes, Buffer.from('"}')]))
      expect(findings({ planted }, await filesIn(join(folder, spelling)))).toContain(`planted in ${file}, as ${spelling}`)
    }
    expect(findings({ other: canary('not planted') }, await filesIn(folder))).toEqual([])
    await rm(folder, { recursive: true })
  })

  it.each([0, 1, 2, 3, 4])('finds it inside base64 of something longer, %i bytes in', (before) => {
    const bare = Buffer.concat([Buffer.alloc(before, 'x'), Buffer.from(`${canary('bare')}&q`)])
    const json = Buffer.concat([Buffer.alloc(before, 'x'), Buffer.from(JSON.stringify([canary('in JSON')]))])
    const places = [bare, json].map((bytes) => ({ name: 'a log line', bytes: Buffer.from(`data=${bytes.toString('base64')};`) }))
    const found = findings({ bare: canary('bare'), json: canary('in JSON') }, places).join()
    expect(found).toContain('bare in a log line, as base64 of utf8')
    expect(found).toContain('json in a log line, as base64 of JSON')
  })
})

it('no password, code or flow secret is written down anywhere, however a request ends', async () => {
  const system = running()
  const { directory } = system.parts
  const person = personNamed(system, 'user0001')
  const passwords = {
    malformed: canary('in a malformed body'),
    misplaced: canary('in the wrong field'),
    unusable: `${canary('with a NUL')}\0`,
    refused: canary('Verboten'),
    'first set': canary('set first'),
    'taken by an agent that was killed': canary('set second'),
    'given by the help desk': canary('told by phone'),
    'generated for the help desk': '',
  }
  const other = personNamed(system, 'user0002')
  const flows = { first: await startReset(system.url, person.upn), second: await startReset(system.url, other.upn) }
  const codes: Record<string, string> = {}
  for (const [name, flow] of Object.entries(flows)) {
    const code = await codeFor(system, flow, flow === flows.first ? person.mail : other.mail)
    codes[`code of the ${name} flow`] = code
    codes[`code mistyped in the ${name} flow`] = String((Number(code) + 1) % 10 ** 8).padStart(8, '0')
    expect((await flow.verify(codes[`code mistyped in the ${name} flow`] ?? '')).status).toBe(422)
    expect((await flow.verify(code)).status).toBe(200)
  }

  // Everything that can be wrong with what a person sends, and a refusal by the directory.
  const { first, second } = flows
  const raw = (body: unknown) => call(system.url, `reset/${first.id}/password`, { body, headers: { cookie: first.cookie } })
  expect((await raw(`{"newPassword":"${passwords.malformed}`)).status).toBe(400)
  expect((await raw({ newPassword: 'x', [passwords.misplaced]: passwords.misplaced })).status).toBe(400)
  expect((await first.password(passwords.unusable)).status).toBe(422)
  await directory.call('setPolicy', { bannedSubstrings: ['Verboten'] })
  expect((await first.password(passwords.refused)).status).toBe(422)
  expect((await first.password(passwords['first set'])).status).toBe(200)
  expect(await signIn(system, person.dn, passwords['first set'])).toBe('accepted')

  // The help desk, for somebody else: given, and generated.
  const desk = async (path: string, body?: object) => {
    const headers = { authorization: `Bearer ${await tokenFor(system, 'manage', 'ada.admin@corp.example.test')}` }
    return call(system.url, `manage/${path}`, { headers, ...(body && { body }) })
  }
  const caller = `users/${await objectIdOf(system, personNamed(system, 'user0003'))}/password`
  const given = { newPassword: passwords['given by the help desk'], reason: 'called' }
  expect(await desk(caller, given)).toMatchObject({ status: 200, body: { code: 'done' } })
  const generated = await desk(caller, { reason: 'called again' })
  passwords['generated for the help desk'] = generated.body.newPassword
  expect(generated).toMatchObject({ status: 200, body: { newPassword: expect.stringMatching(/^.{16}$/) } })

  // An agent dies with a request in hand: its journal is looked at as it lay there.
  await directory.call('fault', { kind: 'hang', operation: 'search' })
  const sent = await submit(system, second, passwords['taken by an agent that was killed'])
  await directory.call('whenHeld')
  await kill(system.agents[0] as (typeof system.agents)[number])
  await directory.call('clearFaults')
  await cp(join(system.folder, 'agent-1'), join(system.folder, 'agent-1-as-it-died'), { recursive: true })
  await restart(system, 'agent-1')
  expect((await sent.answer).status).toBe(200)

  expect((await desk('audit')).body.entries.length).toBeGreaterThan(5)
  const kept = await keptByServices(system)
  await system.close()
  const places = [...kept, ...(await filesIn(system.folder))]
  const flowSecrets = Object.fromEntries(
    Object.entries(flows).map(([name, { cookie }]) => [`secret of ${name}`, cookie.split('=')[1] ?? '']),
  )

  // What must be there is: the search looked at the right things.
  expect(places.map(({ name }) => basename(name))).toEqual(
    expect.arrayContaining([
      'table flows',
      'table state',
      'table audit',
      'bus requests, bodies',
      'agent-1.log',
      'host.log',
      'journal.sqlite',
      'agent.json',
    ]),
  )
  expect(findings({ flow: first.id }, places).join()).toMatch(/table flows.*host\.log/)
  const found = findings({ ...passwords, 'old password': person.password, "the other's": other.password, ...codes, ...flowSecrets }, places)
  const sentCodes = Object.keys(codes).filter((name) => !name.startsWith('code mistyped'))
  expect(found.filter((finding) => !sentCodes.some((name) => finding.startsWith(`${name} in mail "Your code`)))).toEqual([])
  expect(found.length).toBeGreaterThanOrEqual(sentCodes.length)
  const dumps = [...(await readdir('.')), ...places.map(({ name }) => basename(name))].filter((name) =>
    /^core(\.\d+)?$|\.heapsnapshot$/.test(name),
  )
  expect(dumps).toEqual([])
})
