import { describe, expect, test } from 'vitest'
import { type VirtualClock, virtualClock } from '../../test/virtual-clock.ts'
import type { EventName, Fields } from '../log.ts'
import { backoffMs, longestPauseMs } from './waits.ts'
import { keepAlive, type Link, type Watchdog, type WatchdogOptions } from './watchdog.ts'

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
  pulses: number
  idle: number
  /** Answers what it left without an answer. */
  hear(): void
}

const dead = () => Object.assign(new Error('server text that no log may show'), { code: 'ECONNRESET' })

interface Scene {
  clock: VirtualClock
  watchdog: Watchdog<TestLink>
  attempts: Attempt[]
  logged: [EventName, Fields | undefined][]
}

/** `random: 1` makes every back-off its longest: 250, 500, 1000 … */
function watch(options: Partial<WatchdogOptions> = {}, idles = true, hasPulse = false): Scene {
  const clock = virtualClock()
  const attempts: Attempt[] = []
  const logged: Scene['logged'] = []
  const open = (lost: (error: unknown) => void) => {
    const { promise, resolve, reject } = Promise.withResolvers<TestLink>()
    const up = () => {
      const link = testLink(idles, hasPulse)
      resolve(link)
      return link
    }
    attempts.push({ at: clock.monotonic(), lost, up, fail: reject })
    return promise
  }
  const watchdog = keepAlive(open, { clock, log: (event, fields) => logged.push([event, fields]), random: () => 1, ...options })
  return { clock, watchdog, attempts, logged }
}

function testLink(idles: boolean, hasPulse: boolean): TestLink {
  let heard = Promise.withResolvers<void>()
  const answer = async () => {
    if (link.answer === 'dead') throw dead()
    if (link.answer === 'silent') await heard.promise
  }
  const link: TestLink = {
    dropped: false,
    answer: 'alive',
    probes: 0,
    pulses: 0,
    idle: 0,
    probe() {
      link.probes += 1
      return answer()
    },
    hear() {
      heard.resolve()
      heard = Promise.withResolvers()
    },
    drop: () => {
      link.dropped = true
    },
  }
  const pulse = () => {
    link.pulses += 1
    return answer()
  }
  return Object.assign(link, idles && { idleMs: () => link.idle }, hasPulse && { pulse })
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
    scene.attempts[0]?.lost(dead())
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
  test('what fails is tried again after 0.25, 0.5, 1, 1 … seconds', async () => {
    const scene = watch()
    for (let i = 0; i < 8; i++) {
      last(scene).fail(dead())
      await scene.clock.advance(Math.min(1_000, 250 * 2 ** i))
    }
    const gaps = scene.attempts.map(({ at }, i) => at - (scene.attempts[i - 1]?.at ?? 0)).slice(1)
    expect(gaps).toEqual([250, 500, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000])
    const told = scene.logged.map(([, fields]) => fields?.['attempt'])
    expect(told).toEqual([1, 2, 4, 8])
  })

  test('in an outage of an hour it comes down to twice a minute', async () => {
    const scene = watch()
    const perMinute = []
    for (let minute = 0; minute < 60; minute++) {
      const before = scene.attempts.length
      const end = scene.clock.monotonic() + 60_000
      while (scene.clock.monotonic() < end) {
        last(scene).fail(dead())
        await scene.clock.advance(250)
      }
      perMinute.push(scene.attempts.length - before)
    }
    expect([perMinute[0], perMinute[1], perMinute[5], perMinute[59]]).toEqual([61, 38, 10, 2])
    expect(scene.logged.length).toBeLessThan(12)
  })

  test('what hangs is raced by fresh ones, and is still the link if it comes first', async () => {
    const scene = watch()
    await scene.clock.advance(7_000)
    expect(scene.attempts.map(({ at }) => at)).toEqual([0, 1_500, 3_000, 4_500, 6_000])
    const [patient, ...fresh] = scene.attempts
    const link = patient?.up()
    await scene.clock.advance(0)
    expect(scene.watchdog.current()).toBe(link)
    const late = fresh.map((attempt) => attempt.up())
    await scene.clock.advance(1_000)
    expect(late.every(({ dropped }) => dropped)).toBe(true)
    expect(link?.dropped).toBe(false)
    expect(scene.attempts).toHaveLength(5)
  })

  test('the fresh one is the link if it comes first; what hung is dropped when it comes after all', async () => {
    const scene = watch()
    await scene.clock.advance(3_200)
    const link = await open(scene)
    expect(scene.watchdog.current()).toBe(link)
    const late = scene.attempts.slice(0, -1).map((attempt) => attempt.up())
    await scene.clock.advance(0)
    expect(late.map(({ dropped }) => dropped)).toEqual([true, true])
    expect(scene.watchdog.current()).toBe(link)
    expect(scene.logged).toEqual([])
  })

  test('what hangs for half a minute is given up', async () => {
    const scene = watch()
    await scene.clock.advance(30_000)
    expect(scene.logged).toEqual([['relayDown', { fault: 'RELAY_DOWN', attempt: 1 }]])
    const late = scene.attempts.map((attempt) => attempt.up())
    await scene.clock.advance(250)
    expect(late.every(({ dropped }) => dropped)).toBe(true)
    expect(scene.watchdog.current()).toBeUndefined()
    expect(await open(scene)).toMatchObject({ dropped: false })
  })

  test('what fails after it was given up troubles nobody', async () => {
    const scene = watch()
    await scene.clock.advance(30_000)
    for (const attempt of scene.attempts) attempt.fail(dead())
    const before = scene.attempts.length
    await scene.clock.advance(250)
    expect(scene.attempts).toHaveLength(before + 1)
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

describe('a link that does not answer', () => {
  const silent = async (options: Partial<WatchdogOptions> = {}) => {
    const scene = watch(options, false)
    const link = await open(scene)
    await scene.clock.advance(29_999)
    link.answer = 'silent'
    await scene.clock.advance(1)
    return { scene, link }
  }

  test('to its probe within half a second has a fresh one opened beside it, which takes its place', async () => {
    const { scene, link } = await silent()
    await scene.clock.advance(499)
    expect(scene.attempts).toHaveLength(1)
    await scene.clock.advance(1)
    expect(scene.attempts).toHaveLength(2)
    expect(scene.watchdog.current()).toBe(link)
    const fresh = await open(scene)
    expect(scene.watchdog.current()).toBe(fresh)
    expect(link.dropped).toBe(true)
    expect(scene.logged.map(([event]) => event)).toEqual(['relayDown', 'relayReconnected'])
  })

  test('and answers after all stays, and is given twice the time from then on', async () => {
    const { scene, link } = await silent()
    await scene.clock.advance(600)
    link.hear()
    await scene.clock.advance(0)
    const fresh = last(scene).up()
    await scene.clock.advance(0)
    expect(fresh.dropped).toBe(true)
    expect(scene.watchdog.current()).toBe(link)
    await scene.clock.advance(30_000 + 999)
    expect(scene.attempts).toHaveLength(2)
    await scene.clock.advance(1)
    expect(scene.attempts).toHaveLength(3)
  })

  test('for ten seconds is dropped, whether a fresh one comes or not', async () => {
    const { scene, link } = await silent()
    await scene.clock.advance(9_999)
    expect(link.dropped).toBe(false)
    await scene.clock.advance(1)
    expect(link.dropped).toBe(true)
    expect(scene.watchdog.current()).toBeUndefined()
  })

  test('while fresh ones fail is not hammered: one every one and a half seconds', async () => {
    const { scene } = await silent()
    for (let i = 0; i < 6; i++) {
      await scene.clock.advance(750)
      if (scene.attempts.length > 1) last(scene).fail(dead())
    }
    expect(scene.attempts.slice(1).map(({ at }) => at)).toEqual([30_500, 32_000, 33_500])
  })
})

describe('a pulse', () => {
  test('is asked for every 1.25 s, and the probe comes no sooner for it', async () => {
    const scene = watch({}, false, true)
    const link = await open(scene)
    await scene.clock.advance(60_000)
    expect(link.probes).toBe(2)
    expect(link.pulses).toBe(48)
    expect(scene.attempts).toHaveLength(1)
  })

  test('is asked for every 5 s while no message comes', async () => {
    const scene = watch({}, true, true)
    const link = await open(scene)
    link.idle = 30_001
    await scene.clock.advance(29_000)
    expect(link.pulses).toBe(6)
    link.idle = 0
    await scene.clock.advance(1_000)
    expect(link.probes).toBe(1)
    const before = link.pulses
    await scene.clock.advance(25_000)
    expect(link.pulses).toBeGreaterThan(before + 18)
  })

  test('that does not come has the link replaced 1.75 s at most after it died', async () => {
    const scene = watch({}, false, true)
    const link = await open(scene)
    await scene.clock.advance(10_001)
    link.answer = 'silent'
    await scene.clock.advance(1_748)
    expect(scene.attempts).toHaveLength(1)
    await scene.clock.advance(1)
    const fresh = await open(scene)
    expect(scene.watchdog.current()).toBe(fresh)
    expect(link.dropped).toBe(true)
  })

  test('proves the wire and not the link', async () => {
    const scene = watch({}, false, true)
    await open(scene)
    await scene.clock.advance(29_000)
    expect(scene.watchdog.provenWithin(28_999)).toBe(false)
  })
})

describe('doubt', () => {
  test('has the link probed at once, and at most once a second', async () => {
    const scene = watch({}, false)
    const link = await open(scene)
    await scene.clock.advance(5_000)
    scene.watchdog.doubt()
    await scene.clock.advance(0)
    expect(link.probes).toBe(1)
    for (let i = 0; i < 20; i++) {
      scene.watchdog.doubt()
      await scene.clock.advance(100)
    }
    expect(link.probes).toBe(3)
    await scene.clock.advance(29_000)
    expect(link.probes).toBe(3)
  })

  test('of a link that is dead replaces it within the second', async () => {
    const scene = watch({}, false)
    const link = await open(scene)
    await scene.clock.advance(5_000)
    link.answer = 'silent'
    scene.watchdog.doubt()
    await scene.clock.advance(500)
    expect(await open(scene)).toBe(scene.watchdog.current())
  })

  test('of no link is forgotten', async () => {
    const scene = watch({}, false)
    scene.watchdog.doubt()
    const link = await open(scene)
    await scene.clock.advance(5_000)
    expect(link.probes).toBe(0)
  })
})

describe('back-off', () => {
  const fall = async (scene: Scene, livedMs: number) => {
    await open(scene)
    await scene.clock.advance(livedMs)
    last(scene).lost(dead())
    await scene.clock.advance(0)
    return scene.attempts.length
  }

  test('a link that comes and goes is not hammered: the back-off goes on growing', async () => {
    const scene = watch()
    for (const longestMs of [250, 500, 1_000, 1_000]) {
      const opened = await fall(scene, 4_999)
      await scene.clock.advance(longestMs - 1)
      expect(scene.attempts).toHaveLength(opened)
      await scene.clock.advance(1)
      expect(scene.attempts).toHaveLength(opened + 1)
    }
  })

  test('is forgotten once a link was healthy for five seconds', async () => {
    const scene = watch()
    for (let i = 0; i < 5; i++) {
      const opened = await fall(scene, 5_000)
      await scene.clock.advance(250)
      expect(scene.attempts).toHaveLength(opened + 1)
    }
  })

  test('time spent opening is no health', async () => {
    const scene = watch()
    await fall(scene, 0)
    await scene.clock.advance(250)
    await scene.clock.advance(1_000)
    const opened = await fall(scene, 4_500)
    await scene.clock.advance(499)
    expect(scene.attempts).toHaveLength(opened)
    await scene.clock.advance(1)
    expect(scene.attempts).toHaveLength(opened + 1)
  })

  test('each is between half and all of its length, which grows with the outage', () => {
    expect([1, 2, 3, 4, 2_000].map((attempt) => backoffMs(attempt, 0, () => 0))).toEqual([125, 250, 500, 500, 500])
    expect([1, 2, 3, 4, 2_000].map((attempt) => backoffMs(attempt, 0, () => 1))).toEqual([250, 500, 1_000, 1_000, 1_000])
    expect([0, 60_000, 120_000, 1_800_000, 86_400_000].map(longestPauseMs)).toEqual([1_000, 1_000, 2_000, 30_000, 30_000])
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
