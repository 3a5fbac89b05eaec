import { expect, it } from 'vitest'
import { queues } from '../../infra/topology.ts'
import { Fault, type FaultCode } from '../../shared/fault.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { codeOf } from '../keys/test-cloud.ts'
import { insist, insistForMs } from './insist.ts'

/** Fails until so much time has passed. */
function awayFor(ms: number, code: FaultCode = 'STORE_UNAVAILABLE') {
  const clock = virtualClock()
  const at = { tries: 0, result: undefined as string | undefined }
  const work = async () => {
    at.tries += 1
    if (clock.monotonic() < ms) throw new Fault(code, 'test')
  }
  const running = codeOf(insist(work, clock)).then((result) => {
    at.result = result
  })
  return { clock, at, running }
}

it('tries every second until the store is back', async () => {
  const { clock, at } = awayFor(20_000)
  await clock.advance(19_999)
  expect(at).toEqual({ tries: 20, result: undefined })
  await clock.advance(1)
  expect(at).toEqual({ tries: 21, result: 'no fault' })
})

it('gives up in time for the lock, and ten deliveries of that are most of the life of an event', async () => {
  const { clock, at } = awayFor(Number.POSITIVE_INFINITY)
  await clock.advance(insistForMs)
  expect(at.result).toBe('STORE_UNAVAILABLE')
  expect(insistForMs).toBeLessThan(queues.events.lockMs)
  expect(insistForMs * queues.events.maxDeliveryCount).toBeGreaterThan(queues.events.ttlMs * 0.8)
})

it.each(['ROW_REJECTED', 'STORE_CONFLICT'] as const)('%s is not waited for', async (code) => {
  const { at, running } = awayFor(20_000, code)
  await running
  expect(at).toEqual({ tries: 1, result: code })
})
