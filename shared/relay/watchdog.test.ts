import { describe, expect, test } from 'vitest'
import { type VirtualClock, virtualClock } from '../../test/virtual-clock.ts'
import type { EventName, Fields } from '../log.ts'
import { backoffMs, keepAlive, type Link, type Watchdog, type WatchdogOptions } from './watchdog.ts'

/** One attempt to open a link, in the hands of the test. */
interface Attempt {
  at: number
  lost(error?: unknown): void
  up(): TestLink
  fail(error: Error): void
}

interface TestLink extends Link {
  dropped: boolean
  /** What each probe does from now on. */
  answer: 'alive' | 'dead' | 'silent'
  probes: number
  idle: number
}

const dead = () => Object.assign(new Error('server text that no log may show'), { code: 'ECONNRESET' })

interface Scene {
  clock: VirtualClock
  watchdog: Watchdog<TestLink>
  attempts: Attempt[]
  logged: [EventName, Fields | undefined][]
}

/** `random: 1` makes every back-off its longest: 500, 1000, 2000 … */
function watch(options: Partial<WatchdogOptions> = {}, idles = true): Scene {
  const clock = virtualClock()
  const attempts: Attempt[] = []
  const logged: Scene['logged'] = []
  const open = (lost: (error: unknown) => void) => {
    const { promise, resolve, reject } = Promise.withResolvers<TestLink>()
    const up = () => {
      const link = testLink(idles)
      resolve(link)
      return link
    }
    attempts.push({ at: clock.monotonic(), lost, up, fail: reject })
    return promise
  }
  const watchdog = keepAlive(open, { clock, log: (event, fields) => logged.push([event, fields]), random: () => 1, ...options })
  return { clock, watchdog, attempts, logged }
}

function testLink(idles: boolean): TestLink {
  const link: TestLink = {
    dropped: false,
    answer: 'alive',
    probes: 0,
    idle: 0,
    async probe() {
      link.probes += 1
      if (link.answer === 'dead') throw dead()
      if (link.answer === 'silent') await new Promise(() => {})
    },
    drop: () => {
      link.dropped = true
    },
  }
  return idles ? Object.assign(link, { idleMs: () => link.idle }) : link
}

const last = ({ attempts }: Scene): Attempt => {
  const attempt = attempts.at(-1)
  if (!attempt) throw new Error('nothing was opened')
  return attempt
}

async function open(scene: Scene): Promise<TestLink> {
  const link = last(scene).up()
  await scene.clock.advance(0)
  return link
}

describe('a healthy link', () => {
  test('is opened at once and given out', async () => {
    const scene = watch()
    expect(scene.attempts).toHaveLength(1)
    expect(scene.watchdog.current()).toBeUndefined()
    const link = await open(scene)
    expect(scene.watchdog.current()).toBe(link)
    await expect(scene.watchdog.ready(scene.clock.deadline(0))).resolves.toBe(link)
  })

  test('is probed every half minute for as long as it lives', async () => {
    const scene = watch()
    const link = await open(scene)
    await scene.clock.advance(29_999)
    expect(link.probes).toBe(0)
    await scene.clock.advance(1)
    expect(link.probes).toBe(1)
    await scene.clock.advance(60_000)
    expect(link.probes).toBe(3)
    expect(scene.watchdog.current()).toBe(link)
    expect(scene.logged).toEqual([])
  })

  test('idle for five minutes it is renewed before the service detaches it, without a pause or an alarm', async () => {
    const scene = watch()
    const link = await open(scene)
    link.idle = 300_000
    await scene.clock.advance(30_000)
    expect(link.dropped).toBe(false)
    link.idle = 300_001
    await scene.clock.advance(30_000)
    expect(link.dropped).toBe(true)
    expect(scene.attempts).toHaveLength(2)
    expect(last(scene).at).toBe(60_000)
    expect(scene.logged).toEqual([])
    expect(scene.watchdog.current()).toBeUndefined()
    expect(await open(scene)).toBe(scene.watchdog.current())
  })

  test('a link that is never detached for being idle is left alone', async () => {
    const scene = watch({}, false)
    const link = await open(scene)
    await scene.clock.advance(3_600_000)
    expect(scene.watchdog.current()).toBe(link)
  })
})

describe('proven', () => {
  test('when opened, when probed, when a message came; and not without a link', async () => {
    const scene = watch()
    const { clock, watchdog } = scene
    expect(watchdog.provenWithin(60_000)).toBe(false)
    const link = await open(scene)
    link.idle = 1_000_000
    expect(watchdog.provenWithin(0)).toBe(true)
    link.idle = 0
    await clock.advance(29_999)
    link.idle = 29_999
    expect(watchdog.provenWithin(29_998)).toBe(false)
    expect(watchdog.provenWithin(29_999)).toBe(true)
    link.idle = 5
    expect(watchdog.provenWithin(5)).toBe(true)
    link.idle = 30_000
    await clock.advance(1)
    expect(watchdog.provenWithin(0)).toBe(true)
    last(scene).lost(dead())
    await clock.advance(0)
    expect(watchdog.provenWithin(60_000)).toBe(false)
  })

  test('a link that hears nothing and answers no probe loses its proof before it is replaced', async () => {
    const scene = watch({ probeTimeoutMs: 100_000 }, false)
    const link = await open(scene)
    link.answer = 'silent'
    await scene.clock.advance(60_001)
    expect(scene.watchdog.current()).toBe(link)
    expect(scene.watchdog.provenWithin(60_000)).toBe(false)
  })
})

describe('a dead link is dropped and replaced', () => {
  test.each<[string, number, (link: TestLink, scene: Scene) => void]>([
    ['its probe fails', 30_000, (link) => void Object.assign(link, { answer: 'dead' })],
    ['its probe hangs for ten seconds', 40_000, (link) => void Object.assign(link, { answer: 'silent' })],
    ['it reports its own end', 0, (_, scene) => last(scene).lost(dead())],
    ['it reports its own end without a reason', 0, (_, scene) => last(scene).lost()],
    ['it reports its end with something that is no error', 0, (_, scene) => last(scene).lost('gone')],
  ])('%s', async (_, afterMs, kill) => {
    const scene = watch()
    const link = await open(scene)
    kill(link, scene)
    await scene.clock.advance(afterMs)
    expect(link.dropped).toBe(true)
    expect(scene.watchdog.current()).toBeUndefined()
    expect(scene.attempts).toHaveLength(1)
    await scene.clock.advance(500)
    expect(scene.attempts).toHaveLength(2)
    const next = await open(scene)
    expect(scene.watchdog.current()).toBe(next)
    expect(scene.logged.map(([event]) => event)).toEqual(['relayDown', 'relayReconnected'])
  })

  test('while a probe hangs its own report ends it sooner', async () => {
    const scene = watch()
    const link = await open(scene)
    link.answer = 'silent'
    await scene.clock.advance(31_000)
    last(scene).lost(dead())
    await scene.clock.advance(0)
    expect(link.dropped).toBe(true)
  })

  test('reporting its end twice, or after it was replaced, changes nothing', async () => {
    const scene = watch()
    await open(scene)
    const first = last(scene)
    first.lost(dead())
    first.lost(dead())
    await scene.clock.advance(500)
    const next = await open(scene)
    first.lost(dead())
    await scene.clock.advance(29_000)
    expect(scene.watchdog.current()).toBe(next)
    expect(scene.attempts).toHaveLength(2)
  })

  test('the log has a word, not what the server wrote', async () => {
    const scene = watch()
    const link = await open(scene)
    link.answer = 'dead'
    await scene.clock.advance(30_000)
    expect(scene.logged).toEqual([['relayDown', { fault: 'ECONNRESET', attempt: 1 }]])
  })
})

describe('opening', () => {
  test('what fails is tried again after 0.5, 1, 2, 4 … and at most 30 seconds', async () => {
    const scene = watch()
    for (let i = 0; i < 10; i++) {
      last(scene).fail(dead())
      await scene.clock.advance(Math.min(30_000, 500 * 2 ** i))
    }
    const gaps = scene.attempts.map(({ at }, i) => at - (scene.attempts[i - 1]?.at ?? 0)).slice(1)
    expect(gaps).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000])
    expect(scene.logged.at(-1)).toEqual(['relayDown', { fault: 'ECONNRESET', attempt: 10 }])
  })

  test('what takes longer than half a minute is given up, and dropped when it comes after all', async () => {
    const scene = watch()
    const [slow] = scene.attempts
    await scene.clock.advance(30_500)
    expect(scene.attempts).toHaveLength(2)
    const late = slow?.up()
    await scene.clock.advance(0)
    expect(late?.dropped).toBe(true)
    expect(scene.watchdog.current()).toBeUndefined()
    expect(await open(scene)).toMatchObject({ dropped: false })
  })

  test('what fails after it was given up troubles nobody', async () => {
    const scene = watch()
    const [slow] = scene.attempts
    await scene.clock.advance(30_500)
    slow?.fail(dead())
    await scene.clock.advance(0)
    expect(scene.attempts).toHaveLength(2)
  })

  test('what is lost while it is being opened is dropped when it comes', async () => {
    const scene = watch()
    const [first] = scene.attempts
    first?.lost(dead())
    await scene.clock.advance(0)
    const late = first?.up()
    await scene.clock.advance(500)
    expect(late?.dropped).toBe(true)
    expect(scene.attempts).toHaveLength(2)
  })
})

describe('back-off', () => {
  const fall = async (scene: Scene, livedMs: number) => {
    await open(scene)
    await scene.clock.advance(livedMs)
    last(scene).lost(dead())
    await scene.clock.advance(0)
    return scene.logged.at(-1)
  }

  test('a link that comes and goes is not hammered: the back-off goes on growing', async () => {
    const scene = watch()
    for (const attempt of [1, 2, 3, 4]) {
      expect(await fall(scene, 59_999)).toEqual(['relayDown', { fault: 'ECONNRESET', attempt }])
      await scene.clock.advance(500 * 2 ** (attempt - 1))
    }
  })

  test('is forgotten once a link was healthy for a minute', async () => {
    const scene = watch()
    await fall(scene, 10_000)
    await scene.clock.advance(500)
    await fall(scene, 10_000)
    await scene.clock.advance(1_000)
    expect(await fall(scene, 60_000)).toEqual(['relayDown', { fault: 'ECONNRESET', attempt: 1 }])
  })

  test('time spent opening is no health', async () => {
    const scene = watch()
    await fall(scene, 0)
    await scene.clock.advance(500)
    await scene.clock.advance(29_000)
    expect(await fall(scene, 59_000)).toEqual(['relayDown', { fault: 'ECONNRESET', attempt: 2 }])
  })

  test('each is between half and all of its length', () => {
    expect([1, 2, 3, 7, 8, 2_000].map((attempt) => backoffMs(attempt, () => 0))).toEqual([250, 500, 1_000, 15_000, 15_000, 15_000])
    expect([1, 2, 3, 7, 8, 2_000].map((attempt) => backoffMs(attempt, () => 1))).toEqual([500, 1_000, 2_000, 30_000, 30_000, 30_000])
  })
})

describe('ready', () => {
  test('waits through failures for the link, for all who ask', async () => {
    const scene = watch()
    const both = Promise.all([1, 2].map(() => scene.watchdog.ready(scene.clock.deadline(60_000))))
    last(scene).fail(dead())
    await scene.clock.advance(500)
    const link = await open(scene)
    await expect(both).resolves.toEqual([link, link])
  })

  test.each<[string, (clock: VirtualClock) => AbortSignal]>([
    ['at its deadline', (clock) => clock.deadline(5_000)],
    ['at once when it had passed already', () => AbortSignal.abort(new Error('too late'))],
  ])('gives up %s, with a fault, and is forgotten', async (_, signal) => {
    const scene = watch()
    const given = expect(scene.watchdog.ready(signal(scene.clock))).rejects.toMatchObject({ code: 'RELAY_DOWN', permanent: false })
    await scene.clock.advance(5_000)
    await given
    expect(await open(scene)).toBe(scene.watchdog.current())
  })
})

describe('stop', () => {
  const states: [string, (scene: Scene) => Promise<unknown>][] = [
    ['while a link is up', open],
    [
      'while a probe hangs',
      async (scene) => {
        ;(await open(scene)).answer = 'silent'
        await scene.clock.advance(30_000)
      },
    ],
    ['while a link is being opened', async () => undefined],
    [
      'while it waits to try again',
      async (scene) => {
        last(scene).fail(dead())
        await scene.clock.advance(100)
      },
    ],
  ]
  test.each(states)('%s: nothing is left pending and nothing is opened any more', async (_, reach) => {
    const scene = watch()
    await reach(scene)
    const opened = scene.attempts.length
    scene.watchdog.stop()
    await scene.clock.advance(0)
    expect(scene.clock.pending()).toBe(0)
    await scene.clock.advance(3_600_000)
    expect(scene.attempts).toHaveLength(opened)
    expect(scene.watchdog.current()).toBeUndefined()
  })

  test('hands the link over, open, for an orderly end', async () => {
    const scene = watch()
    const link = await open(scene)
    expect(scene.watchdog.stop()).toBe(link)
    await scene.clock.advance(60_000)
    expect(link.dropped).toBe(false)
    expect(scene.watchdog.stop()).toBeUndefined()
  })

  test('a link that comes after the stop is dropped', async () => {
    const scene = watch()
    scene.watchdog.stop()
    const late = await open(scene)
    await scene.clock.advance(0)
    expect(late.dropped).toBe(true)
    expect(scene.logged).toEqual([])
  })

  test('who waits for a link still hears from the own signal', async () => {
    const scene = watch()
    const given = expect(scene.watchdog.ready(scene.clock.deadline(5_000))).rejects.toMatchObject({ code: 'RELAY_DOWN' })
    scene.watchdog.stop()
    await scene.clock.advance(5_000)
    await given
  })
})
