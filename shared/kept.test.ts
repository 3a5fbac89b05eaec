import { describe, expect, it } from 'vitest'
import { collectGarbage } from '../test/garbage.ts'
import { virtualClock } from '../test/virtual-clock.ts'
import { type Clock, systemClock } from './clock.ts'
import { Fault } from './fault.ts'
import { kept, keptByName } from './kept.ts'

const keeping = { freshMs: 60_000, usableMs: 300_000 }

function setup() {
  const time = { wallMs: 1_000_000, monotonicMs: 0 }
  const clock: Clock = { ...systemClock, now: () => time.wallMs, monotonic: () => time.monotonicMs }
  const pass = (ms: number) => {
    time.wallMs += ms
    time.monotonicMs += ms
  }
  const source = { loads: 0, error: undefined as unknown }
  const load = async () => {
    source.loads += 1
    if (source.error) throw source.error
    return source.loads
  }
  return { time, clock, pass, source, load }
}

const passing = new Fault('STORE_UNAVAILABLE', 'down')

describe('a kept value', () => {
  it('is read once while it is fresh, however many ask', async () => {
    const { clock, pass, load } = setup()
    const value = kept(clock, keeping, load)
    expect(await Promise.all([value.get(), value.get(), value.get()])).toEqual([1, 1, 1])
    pass(59_999)
    expect(await value.get()).toBe(1)
    pass(1)
    expect(await Promise.all([value.get(), value.get()])).toEqual([2, 2])
  })

  it('grows old by the wall clock as well as by the monotonic one', async () => {
    const { time, clock, load } = setup()
    const value = kept(clock, keeping, load)
    await value.get()
    time.monotonicMs += 60_000
    expect(await value.get()).toBe(2)
    time.wallMs += 60_000
    expect(await value.get()).toBe(3)
    time.wallMs -= 3_600_000
    expect(await value.get()).toBe(3)
  })

  it('serves through a passing fault until it is too old, asking again only now and then', async () => {
    const { clock, pass, source, load } = setup()
    const value = kept(clock, keeping, load)
    await value.get()
    source.error = passing
    pass(60_000)
    expect(await value.get()).toBe(1)
    expect(await value.get()).toBe(1)
    expect(source.loads).toBe(2)
    pass(5_000)
    expect(await value.get()).toBe(1)
    expect(source.loads).toBe(3)
    pass(235_000)
    await expect(value.get()).rejects.toBe(passing)
    source.error = undefined
    expect(await value.get()).toBe(5)
  })

  it('that was never read has nothing to serve', async () => {
    const { clock, source, load } = setup()
    source.error = passing
    const value = kept(clock, keeping, load)
    await expect(value.get()).rejects.toBe(passing)
    source.error = undefined
    expect(await value.get()).toBe(2)
  })

  it.each([new Fault('ROW_REJECTED', 'forged', { permanent: true }), new TypeError('a mistake')])(
    'does not serve through %s',
    async (error) => {
      const { clock, pass, source, load } = setup()
      const value = kept(clock, keeping, load)
      await value.get()
      source.error = error
      pass(60_000)
      await expect(value.get()).rejects.toBe(error)
    },
  )

  it('that a permanent fault has overtaken is not served any more, not even while the service is left in peace', async () => {
    const { clock, pass, source, load } = setup()
    const value = kept(clock, keeping, load)
    await value.get()
    source.error = new Fault('ROW_REJECTED', 'forged', { permanent: true })
    pass(60_000)
    for (const _ of [1, 2]) await expect(value.get()).rejects.toBe(source.error)
  })

  it('serves after a second where a service hangs, and for five seconds nobody asks it again', async () => {
    const clock = virtualClock()
    let loads = 0
    const value = kept(clock, keeping, () => (++loads === 1 ? Promise.resolve('old') : new Promise<string>(() => {})))
    await value.get()
    await clock.advance(60_000)
    const waiting = value.get()
    await clock.advance(999)
    expect(await Promise.race([waiting, clock.turn()])).toBeUndefined()
    await clock.advance(1)
    expect([await waiting, await value.get(), loads]).toEqual(['old', 'old', 2])
  })

  it('is dropped when it is too old to be used, though nobody asks', async () => {
    const clock = virtualClock()
    const value = kept(clock, keeping, async () => ({}))
    const held = new WeakRef(await value.get())
    await clock.advance(299_999)
    collectGarbage()
    expect(held.deref()).toBeDefined()
    await clock.advance(1)
    collectGarbage()
    expect([held.deref(), clock.pending()]).toEqual([undefined, 0])
  })

  it('is dropped when it is forgotten, also by whoever is about to bring it', async () => {
    const clock = virtualClock()
    const value = kept(clock, keeping, async () => ({}))
    const forgotten = async () => {
      const coming = value.get()
      value.forget()
      return new WeakRef(await coming)
    }
    const held = await forgotten()
    await clock.turn()
    collectGarbage()
    expect([held.deref(), clock.pending()]).toEqual([undefined, 0])
  })

  it('is as old as the question, not the answer', async () => {
    const { clock, pass } = setup()
    let loads = 0
    const value = kept(clock, keeping, async () => {
      pass(40_000)
      loads += 1
      return loads
    })
    expect(await value.get()).toBe(1)
    pass(20_000)
    expect(await value.get()).toBe(2)
  })
})

describe('values kept by name', () => {
  it('are bounded: the one not asked for the longest is forgotten', async () => {
    const { clock } = setup()
    const loaded: string[] = []
    const values = keptByName(
      clock,
      2,
      () => keeping,
      async (name) => loaded.push(name),
    )
    for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await values.get(name)
    expect(loaded).toEqual(['a', 'b', 'c', 'b'])
  })

  it('may be kept for different times', async () => {
    const { clock, pass } = setup()
    const loaded: string[] = []
    const values = keptByName(
      clock,
      9,
      (value: string) => (value === 'none' ? { freshMs: 1_000, usableMs: 1_000 } : keeping),
      async (name) => {
        loaded.push(name)
        return name
      },
    )
    await values.get('some')
    await values.get('none')
    pass(1_000)
    await values.get('some')
    await values.get('none')
    expect(loaded).toEqual(['some', 'none', 'none'])
  })
})
