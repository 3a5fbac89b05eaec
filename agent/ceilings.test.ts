import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { virtualClock } from '../test/virtual-clock.ts'
import { type CeilingSettings, openCeilings } from './ceilings.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ceilings-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function open(over: Partial<CeilingSettings> = {}) {
  const clock = virtualClock()
  const settings = { perMinute: 3, perPersonPerHour: 2, stopFile: join(folder, 'STOP'), ...over }
  return { clock, ceilings: openCeilings(settings, clock) }
}

describe('ceilings', () => {
  test('per minute, whoever it is', async () => {
    const { clock, ceilings } = open()
    expect(['a', 'b', 'c', 'd'].map(ceilings.admit)).toEqual([undefined, undefined, undefined, 'perMinute'])
    await clock.advance(59_999)
    expect(ceilings.admit('d')).toBe('perMinute')
    await clock.advance(1)
    expect(ceilings.admit('d')).toBeUndefined()
  })

  test('per person and hour, however slowly they come', async () => {
    const { clock, ceilings } = open()
    expect([ceilings.admit('a'), ceilings.admit('a'), ceilings.admit('a')]).toEqual([undefined, undefined, 'perPersonPerHour'])
    expect(ceilings.admit('b')).toBeUndefined()
    await clock.advance(3_599_999)
    expect(ceilings.admit('a')).toBe('perPersonPerHour')
    await clock.advance(1)
    expect(ceilings.admit('a')).toBeUndefined()
  })

  test('what was refused does not count', async () => {
    const { clock, ceilings } = open({ perMinute: 1 })
    expect([ceilings.admit('a'), ceilings.admit('b'), ceilings.admit('b')]).toEqual([undefined, 'perMinute', 'perMinute'])
    await clock.advance(60_000)
    expect(ceilings.admit('b')).toBeUndefined()
    await clock.advance(60_000)
    expect(ceilings.admit('b')).toBeUndefined()
  })

  test('a file stops everything, at once and for as long as it is there', () => {
    const { ceilings } = open()
    writeFileSync(join(folder, 'STOP'), '')
    expect([ceilings.stopped(), ceilings.admit('a')]).toEqual([true, 'stopFile'])
    rmSync(join(folder, 'STOP'))
    expect([ceilings.stopped(), ceilings.admit('a')]).toEqual([false, undefined])
  })

  test('hold over any course of events', async () => {
    const step = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 40_000 }))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, ceilings } = open()
        const admitted: { person: string; at: number }[] = []
        for (const [person, pauseMs] of steps) {
          await clock.advance(pauseMs)
          if (ceilings.admit(person) === undefined) admitted.push({ person, at: clock.monotonic() })
        }
        for (const { person, at } of admitted) {
          expect(admitted.filter((each) => each.at <= at && at - each.at < 60_000).length).toBeLessThanOrEqual(3)
          expect(admitted.filter((each) => each.person === person && each.at <= at && at - each.at < 3_600_000).length).toBeLessThanOrEqual(
            2,
          )
        }
      }),
    )
  })
})
