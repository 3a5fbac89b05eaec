/** What the app and its host read, and what local.settings.sample.json and host.json say, are the same lists. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { triggers } from '../functions/routes.ts'
import { readSettings, settingsSchema } from '../functions/settings.ts'
import { queues, storageQueues } from '../infra/topology.ts'
import { readHostJson } from '../local/host/host-json.ts'
import { defaultTimes } from '../shared/times.ts'

const json = (name: string) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'))
const sample: { IsEncrypted: boolean; Values: Record<string, string> } = json('local.settings.sample.json')
const host = json('host.json')

/** Read by the host itself, not by the app. */
const hostsOwn = ['AzureWebJobsStorage', 'FUNCTIONS_WORKER_RUNTIME']
/** What the host adds to a connection's name for one that is reached by identity. */
const identitySuffixes = ['__fullyQualifiedNamespace', '__tableServiceUri', '__queueServiceUri']

describe('local.settings.sample.json', () => {
  it('names every setting the app reads, and no other', () => {
    expect(Object.keys(sample.Values).sort()).toEqual([...Object.keys(settingsSchema.shape), ...hostsOwn].sort())
  })

  it('is not encrypted, and every value is a text', () => {
    expect(sample.IsEncrypted).toBe(false)
    expect(Object.entries(sample.Values).filter(([, value]) => typeof value !== 'string')).toEqual([])
  })

  it('starts the app as it stands, once there is a certificate authority', () => {
    const settings = readSettings({ ...sample.Values, LOCAL_CA_FILE: '' })
    expect(settings.times).toEqual(defaultTimes)
    expect([sample.Values['FUNCTIONS_WORKER_RUNTIME'], sample.Values['LOCAL_CA_FILE']]).toEqual(['node', '.local/ca.pem'])
  })

  it('is harmless: only loopback and example names, and no secret', () => {
    const hosts = Object.values(sample.Values).flatMap((value) => [...value.matchAll(/\b[a-z]+:\/\/([^/:;]+)/g)].map(([, name]) => name))
    expect([...new Set(hosts)].sort()).toEqual(['127.0.0.1', 'localhost'])
    const keys = Object.values(sample.Values).flatMap((value) => [...value.matchAll(/Key=([^;]+)/g)].map(([, key]) => key))
    expect(keys).toEqual(['an-example-that-opens-nothing'])
    expect(Object.values(sample.Values).filter((value) => /[A-Za-z0-9+/]{40,}={0,2}/.test(value))).toEqual([])
  })

  it('has every connection of the triggers, as text and by identity', () => {
    for (const { connection } of [triggers.deliverChallenge, triggers.onAgentEvent]) {
      const names = Object.keys(sample.Values).filter((name) => name === connection || name.startsWith(`${connection}__`))
      expect(names).toContain(connection)
      expect(names.filter((name) => name !== connection).length).toBeGreaterThan(0)
      expect(names.every((name) => name === connection || identitySuffixes.some((suffix) => name === connection + suffix))).toBe(true)
    }
  })
})

describe('the triggers', () => {
  it('listen on queues that exist', () => {
    expect(storageQueues).toContain(triggers.deliverChallenge.queueName)
    expect(Object.keys(queues)).toContain(triggers.onAgentEvent.queueName)
  })

  it('get sealed bytes as bytes', () => {
    expect(triggers.onAgentEvent.dataType).toBe('binary')
  })
})

describe('host.json', () => {
  const read = readHostJson(host, sample.Values)

  it('is complete for the triggers there are, and says what it means rather than relying on defaults', () => {
    expect(Object.keys(host.extensions).sort()).toEqual(['http', 'queues', 'serviceBus'])
    expect(read.extensions.http.routePrefix).toBe('api')
    expect(host.extensions.serviceBus).toMatchObject({ autoCompleteMessages: true, prefetchCount: 0 })
  })

  it('takes the storage queue’s texts as they are sent', () => {
    expect(host.extensions.queues.messageEncoding).toBe('base64')
    // A code is awaited by a person, and is good for five minutes.
    expect(read.extensions.queues.maxPollingInterval).toBeLessThanOrEqual(2_000)
    expect(read.extensions.queues.maxDequeueCount * read.extensions.queues.visibilityTimeout).toBeLessThan(5 * 60_000)
    expect(read.extensions.queues.visibilityTimeout).toBeGreaterThan(0)
  })

  it('asks for the extension bundle of version 4, which has both extensions', () => {
    expect(host.extensionBundle).toEqual({ id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' })
  })

  it('lets an answer take its time', () => {
    const [hours = 0, minutes = 0, seconds = 0] = String(host.functionTimeout).split(':').map(Number)
    expect(((hours * 60 + minutes) * 60 + seconds) * 1000).toBeGreaterThan(2 * defaultTimes.answerMs)
  })
})
