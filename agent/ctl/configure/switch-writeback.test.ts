import { describe, expect, test } from 'vitest'
import { Fault } from '../../../shared/fault.ts'
import { virtualClock } from '../../../test/virtual-clock.ts'
import type { Service, WritebackState } from './service.ts'
import { switchWriteback } from './switch-writeback.ts'

const agent = '11111111-1111-4111-8111-111111111111'
const heardAt = (at: number) => [{ agent: agent.replaceAll('-', ''), heardAt: at }]

/** `states`: what the function app says, one call after the other; the last one stays. */
function scene(states: readonly Partial<WritebackState>[], set: () => Partial<WritebackState> = () => ({ on: true })) {
  const clock = virtualClock()
  const told: string[] = []
  const asked: (boolean | string)[][] = []
  let n = 0
  const full = (state: Partial<WritebackState> | undefined): WritebackState => ({ on: false, agents: [], ...state })
  const service: Service = {
    writeback: async () => full(states[Math.min(n++, states.length - 1)]),
    async setWriteback(on, reason) {
      asked.push([on, reason])
      return full(set())
    },
  }
  const tell = {
    note: () => {},
    step: (text: string) => void told.push(text),
    lines: (lines: readonly string[]) => void told.push(...lines),
  }
  const savedAt = clock.now()
  const to = (on: boolean) => switchWriteback({ on, reason: 'why', agent, savedAt, settingsFile: 'f' }, { service, tell, clock })
  return { clock, told, asked, savedAt, to, calls: () => n }
}

describe('on', () => {
  test('at once, where the agent was heard since the settings were written', async () => {
    const { to, told, asked, savedAt } = scene([{ agents: heardAt(savedAtOf()) }])
    expect(savedAt).toBe(savedAtOf())
    expect(await to(true)).toBe(true)
    expect(asked).toEqual([[true, 'why']])
    expect(told.at(-1)).toBe('Password writeback is on.')
  })

  test('is on already: nothing is asked for', async () => {
    const { to, told, asked } = scene([{ on: true }])
    expect(await to(true)).toBe(true)
    expect(asked).toEqual([])
    expect(told.at(-1)).toBe('Password writeback is on already.')
  })

  test('waits for the agent, and says how it is started; a heartbeat from before does not count', async () => {
    const old = { agents: heardAt(savedAtOf() - 1) }
    const { to, told, asked, clock } = scene([old, old, old, { agents: heardAt(savedAtOf() + 2_000) }])
    const done = to(true)
    await clock.advance(2_000)
    expect(asked).toEqual([])
    await clock.advance(1_000)
    expect(await done).toBe(true)
    expect(told.join('\n')).toContain('node agent.cjs --settings f')
  })

  test('not at all, if the agent is not heard in ten minutes', async () => {
    const { to, told, asked, clock } = scene([{}])
    const done = to(true)
    await clock.advance(600_000)
    expect(await done).toBe(false)
    expect(asked).toEqual([])
    expect(told.at(-1)).toBe('The agent was not heard: password writeback was not switched on.')
  })

  test('follows what was begun, and says why it was given up', async () => {
    const heard = { agents: heardAt(savedAtOf()) }
    const abandoned = { run: { step: 'abandoned', problem: 'onboard' } }
    const { to, told, clock } = scene([heard, { run: { step: 'prove' } }, abandoned], () => ({ run: { step: 'make' } }))
    const done = to(true)
    await clock.advance(2_000)
    expect(await done).toBe(false)
    expect(told.slice(-3)).toEqual(['make', 'prove', 'Password writeback is not on (onboard).'])
  })

  test('an answer that got lost: what is the case is asked for, and not guessed', async () => {
    const lost = () => {
      throw new Fault('API_UNAVAILABLE', 'the API did not answer')
    }
    const heard = { agents: heardAt(savedAtOf()) }
    const known = scene([heard, { on: true }], lost)
    expect(await known.to(true)).toBe(true)
    const states = [heard] as const
    const dark = scene(states, lost)
    expect(await dark.to(true)).toBe(false)
    expect(dark.told.at(-1)).toBe('Password writeback is not on.')
  })

  test('whoever may not is told so', async () => {
    const refuse = () => {
      throw new Fault('SIGN_IN_FAILED', 'this administrator may not')
    }
    const { to, told } = scene([{ agents: heardAt(savedAtOf()) }], refuse)
    expect(await to(true)).toBe(false)
    expect(told.at(-1)).toBe('Password writeback was not switched on: this administrator may not.')
  })
})

test('off asks no agent', async () => {
  const { to, told, calls } = scene([{ on: true }], () => ({ on: false }))
  expect(await to(false)).toBe(true)
  expect(calls()).toBe(1)
  expect(told.at(-1)).toBe('Password writeback is off.')
})

function savedAtOf(): number {
  return virtualClock().now()
}
