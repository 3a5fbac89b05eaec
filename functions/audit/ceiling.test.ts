/** What refused calls of the help desk leave in the audit: a bounded number of entries, whoever holds the token. */
import { expect, it } from 'vitest'
import { virtualClock } from '../../test/virtual-clock.ts'
import { actsPerHour } from '../admin/ceiling.ts'
import type { Handler } from '../http/edge.ts'
import { problem } from '../http/problem.ts'
import { routes } from '../routes.ts'
import { openRows } from '../store/rows.ts'
import { memoryTables } from '../store/test-tables.ts'
import { openAuditing } from './open.ts'

const hal = { id: 'c1b2c3d4-0000-4000-8000-0000000000aa', role: 'Writeback.Helpdesk' } as const
const eva = { id: 'c1b2c3d4-0000-4000-8000-0000000000ee', role: 'Writeback.Admin' } as const

function opened() {
  const clock = virtualClock()
  const tables = memoryTables()
  const key = { version: '0'.repeat(32), key: Buffer.alloc(32, 1) }
  const logged: unknown[] = []
  const log = (...line: unknown[]) => void logged.push(line)
  const rows = openRows({ tables, keys: { subkey: async () => key }, log })
  const auditing = openAuditing({ rows, tables, retentionDays: async () => 180, clock, log })
  const reached: string[] = []
  const calls = (name: string, administrator: typeof hal | typeof eva = hal) => {
    const route = routes.find((each) => each.name === name)
    if (!route) throw new Error('no such route')
    const handler: Handler = async () => {
      reached.push(name)
      return problem('unknownUser')
    }
    const call = { body: { reason: 'asked by phone' }, params: { id: 'nobody' }, query: new URLSearchParams(), administrator }
    const seen = auditing.seen(route, handler)
    return async () =>
      (await seen({ ...call, deadline: new AbortController().signal, flowSecret: () => undefined, traceparent: undefined })).body['code']
  }
  const entries = async () => (await rows.list<{ outcome: string }>('audit', 'administrators')).map(({ value }) => value.outcome)
  return { clock, logged, reached, calls, entries }
}
const many = (call: () => Promise<unknown>, times: number) => Promise.all(Array.from({ length: times }, call))

it('so many in an hour, by all the help desk’s routes together, and one that says that more were refused; the log has them all', async () => {
  const { clock, logged, reached, calls, entries } = opened()
  const names = routes.filter((route) => route.auth === 'administrator' && route.role === 'Writeback.Helpdesk' && route.method !== 'GET')
  expect(names.map(({ name }) => name)).toEqual(['resetUser', 'unlockUser', 'checkUser'])
  const codes = await Promise.all(names.map(({ name }) => many(calls(name), actsPerHour)))
  expect(codes.flat().filter((code) => code === 'unknownUser')).toHaveLength(actsPerHour)
  expect(reached).toHaveLength(actsPerHour)
  const outcomes = await entries()
  expect([outcomes.length, outcomes.filter((outcome) => outcome === 'tooManyActs').length]).toEqual([actsPerHour + 1, 1])
  expect(logged).toHaveLength(3 * actsPerHour)
  await clock.advance(3_600_000)
  expect(await calls('checkUser')()).toBe('unknownUser')
})

it('keep nobody else from acting, nor the same person from what only administrators do', async () => {
  const { calls } = opened()
  await many(calls('checkUser', eva), actsPerHour + 2)
  expect([await calls('checkUser', eva)(), await calls('checkUser', hal)()]).toEqual(['tooManyActs', 'unknownUser'])
  expect(await calls('incident', eva)()).toBe('unknownUser')
})
