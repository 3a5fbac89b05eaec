import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Directory } from '../../../agent/directory/directory.ts'
import { reset } from '../../../agent/reset.ts'
import { bothRules, firstJob, openForests, ruleOn } from './agent-forests.ts'
import { fresh } from './bench.ts'
import type { Forests } from './forests.ts'
import { forestsContract } from './forests-contract.ts'

const running = forestsContract('stand-in')

/** Samba's child domains would need replication between two controllers: embedded only. */
let forests: Forests
let directory: Directory
beforeAll(() => {
  forests = running()
  const emea = forests.emea?.baseDn ?? ''
  directory = openForests(forests, [...bothRules(forests), ruleOn(forests, 'corp', { name: 'emea people', baseDn: emea })])
})
afterAll(() => directory.close())

test('a child domain has its own controller: whoever is in it is found and set there', async () => {
  const lab = forests.emea
  const user = await lab?.person()
  if (!lab || !user) throw new Error('there is no child domain')
  expect(await directory.locate(user.immutableId)).toMatchObject({ kind: 'user', user: { domain: 'emea.corp.example.test' } })
  expect((await reset(firstJob({ sourceAnchor: user.immutableId }, { password: fresh }), directory)).outcome).toEqual({ kind: 'done' })
  expect(await lab.bind(user.dn, fresh)).toBe('0')
})

test('the heartbeat tells of each domain', async () => {
  expect((await directory.facts()).map(({ reachable }) => reachable)).toEqual([true, true, true])
  await forests.north.stop()
  expect((await directory.facts()).map(({ reachable }) => reachable)).toEqual([true, false, true])
  await forests.north.start()
  expect((await directory.facts()).map(({ reachable }) => reachable)).toEqual([true, true, true])
})

test('nobody is in two domains of one forest by one anchor unless two accounts are', async () => {
  const anchor = randomBytes(16).toString('base64')
  const [here, there] = [await forests.corp.person(), await forests.emea?.person()]
  await forests.corp.setAnchor(here.dn, anchor)
  await forests.emea?.setAnchor(there?.dn ?? '', anchor)
  expect(await directory.locate(anchor)).toEqual({ kind: 'ambiguousUser' })
})
