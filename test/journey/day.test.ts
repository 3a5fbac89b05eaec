/**
 * A day as it is scripted: an agent is there all day, an administrator switches the feature on in the morning and off at night,
 * ten people set a password. Every message is accounted for (docs/protocol.md, How many messages), and none is large.
 */
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type Day, startDay } from './day.fixture.ts'

vi.setConfig({ testTimeout: 120_000 })
let day: Day
beforeAll(async () => {
  day = await startDay()
})
afterAll(() => day.close())

const heartbeats = 288
const everyMinutes = 5
/** Behind which heartbeat somebody sets a password: two of them at once, and some on each other's heels. */
const resetsAfter = [12, 13, 60, 60, 100, 101, 102, 143, 200, 270]
/** AMQP 1.0 transfer frame around a message: 8 bytes of header, a performative of some 30. */
const frameBytes = 64

/** What docs/protocol.md lets one expect, by the minute. */
function expected(): string[] {
  const exchange = (minute: number) => [`${minute} requests`, `${minute} replies`]
  const inInterval = (n: number) => [
    `${n * everyMinutes} events`,
    ...(n === 0 ? exchange(0) : []),
    ...resetsAfter.filter((after) => after === n).flatMap(() => exchange(n * everyMinutes)),
    ...(n === heartbeats - 1 ? exchange(n * everyMinutes) : []),
  ]
  return Array.from({ length: heartbeats }, (_, n) => inInterval(n)).flat()
}

it('is 288 heartbeats, two messages for each password, two to switch on, two to switch off, and nothing else', async () => {
  const { feature, rollover, anchors } = day
  const messages: ReturnType<Day['messages']> = []
  const answers: unknown[] = []
  await day.startAgent()
  await rollover.begin({ why: 'enable', reason: 'a new day', by: 'administrator' })
  await rollover.drive()
  expect(await feature.isOn()).toBe(true)

  const resetting = resetsAfter.map((after, i) => ({ after, anchor: anchors[i] ?? '' }))
  for (let n = 1; n < heartbeats; n++) {
    await day.interval()
    const now = resetting.filter(({ after }) => after === n)
    answers.push(...(await Promise.all(now.map(({ anchor }) => day.reset(anchor, `Fresh-Horse-${n}-Battery!`)))))
    messages.push(...day.messages())
  }
  await feature.turn(false, 'the day is over', 'administrator')
  expect(await day.offboard()).toBe(true)
  messages.push(...day.messages())

  const sorted = (lines: string[]) => lines.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1))
  expect(sorted(messages.map(({ minute, queue }) => `${minute} ${queue}`))).toEqual(sorted(expected()))
  expect(messages).toHaveLength(heartbeats + 2 * resetsAfter.length + 4)
  expect(answers).toEqual(resetsAfter.map(() => expect.objectContaining({ status: 200 })))
  const largest = Math.max(...messages.map(({ encodedBytes }) => encodedBytes)) + frameBytes
  expect(largest).toBeLessThan(1_024)
  process.stdout.write(`a day: ${messages.length} messages, the largest ${largest} B as sent\n`)

  // Switching on rolled every key, and the timer has finished that since.
  expect(await rollover.last()).toMatchObject({ why: 'enable', step: 'done' })
  expect((await day.evidence.read()).chain).toMatchObject({ state: 'intact' })
  expect(day.logged.filter((event) => /Refused|Rejected|Unknown|Failed|relay/.test(event))).toEqual([])
})
