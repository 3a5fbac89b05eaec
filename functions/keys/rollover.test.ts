import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Fault } from '../../shared/fault.ts'
import type { Log } from '../../shared/log.ts'
import { openEvidence } from './evidence.ts'
import { openFeature } from './feature.ts'
import { rules } from './run.ts'
import { mortal, startTestCloud } from './test-cloud.ts'
import { type MemoryCloud, memoryCloud } from './test-memory.ts'
import { days, minutes, startTestRollover, type TestRollover } from './test-rollover.ts'

let t: TestRollover<MemoryCloud>
beforeEach(async () => {
  t = await startTestRollover(memoryCloud())
  t.beat('one')
})
/** However a test leaves it, the timer brings it to an end; and again nothing more is to be done. */
afterEach(async () => {
  for (const pass of [25, 100, 25, 15]) {
    t.cloud.pass(minutes(pass))
    t.beat('one')
    await t.instance().keep()
  }
  await t.settled()
})

const byHand = { why: 'byHand', reason: 'because', by: 'admin' } as const
const away = () => Promise.reject(new Fault('STORE_UNAVAILABLE', 'test'))
const stepOf = async () => (await t.run()).step
const kinds = async () => {
  const { records, chain } = await openEvidence({ ...t.cloud, rows: t.rows, log: () => {} }).read()
  const { id } = await t.run()
  return [chain.state, ...records.filter(({ rolloverId }) => rolloverId === id).map(({ kind }) => kind)]
}

describe('a rollover by hand', () => {
  it('goes from step to step: made, proved by one and then by all, adopted, open side by side, disabled', async () => {
    t.beat('two')
    const before = await t.current()
    await t.rows.put('flows', 'old', 'row', 'kept')
    const here = t.instance()
    await here.begin(byHand)
    await here.drive()
    const { made } = await t.run()
    expect([await stepOf(), t.world.probes.at(-1)]).toEqual(['prove', { packageKey: made?.packageKey, passwordKey: made?.passwordKey }])
    expect(await t.current()).toMatchObject({ packageKey: before.packageKey, passwordKey: before.passwordKey, stateKey: before.stateKey })

    t.beat('one')
    await here.keep()
    expect(await stepOf()).toBe('prove')
    t.beat('two')
    await here.keep()
    expect(await t.current()).toMatchObject({ ...made, rolloverId: (await t.run()).id })
    expect([await stepOf(), t.cloud.enabled().length]).toEqual(['overlap', 6])

    t.cloud.pass(minutes(20) - 1)
    await here.keep()
    expect([await stepOf(), t.cloud.enabled().length]).toEqual(['overlap', 6])
    t.cloud.pass(1)
    await here.keep()
    expect([await t.shown(), t.cloud.enabled().length]).toEqual([expect.objectContaining({ ...byHand, step: 'done' }), 3])
    expect(await kinds()).toEqual(['intact', 'begun', 'adopted', 'disabled'])
    expect((await t.cloud.keyring().rows.read('flows', 'old', 'row'))?.value).toBe('kept')
  })

  it('asked for twice, at two instances at once, and with every timer replayed, is one: three versions, one probe', async () => {
    const [made, probes] = [t.cloud.made(), t.world.probes.length]
    const instances = [t.instance(), t.instance()]
    const runs = await Promise.all(
      instances.map(async (each) => {
        const { id } = await each.begin(byHand)
        await each.drive()
        return id
      }),
    )
    expect(new Set(runs).size).toBe(1)
    const keepAll = () => Promise.all([...instances, ...instances].map((each) => each.keep()))
    for (const pass of [0, 5, 0, 21, 0]) {
      t.beat('one')
      t.cloud.pass(minutes(pass))
      await keepAll()
    }
    expect([await stepOf(), t.cloud.made() - made, t.world.probes.length - probes]).toEqual(['done', 3, 1])
    expect(await kinds()).toEqual(['intact', 'begun', 'adopted', 'disabled'])
  })

  it.each([
    ['no agent answers', () => t.silence(), /no agent has answered a probe/],
    ['a live agent has not proved them', () => t.beat('two'), /of 2 live agents these have not proved them: two$/],
  ])('is abandoned after two intervals when %s: the old stay, the new are disabled, and it says why', async (_, spoil, problem) => {
    const before = await t.current()
    spoil()
    const here = t.instance()
    await here.begin(byHand)
    await here.drive()
    t.beat('one')
    t.cloud.pass(minutes(10.5) - 1)
    await here.keep()
    expect(await stepOf()).toBe('prove')
    t.cloud.pass(1)
    await here.keep()
    expect(await t.shown()).toMatchObject({ step: 'abandoned', problem: expect.stringMatching(problem) })
    expect(await t.current()).toMatchObject({ packageKey: before.packageKey, rolloverId: before.rolloverId })
    await t.settled()
    expect(await kinds()).toEqual(['intact', 'begun', 'abandoned'])
    expect(t.cloud.logged).toContain('rolloverAbandoned')
  })

  it.each([
    ['have proved them', {}, false],
    ['have not', { packageKeys: [] }, true],
  ])('comes to its end although a thousand agents, or one under a thousand ids, %s', async (_, over, override) => {
    const here = t.instance()
    await here.begin(byHand)
    await here.drive()
    const ids = Array.from({ length: 1_000 }, (__, n) => String(n).padStart(32, '0'))
    for (const id of ids) t.beat(id, over)
    t.beat('one')
    if (override) await here.begin({ ...byHand, override })
    await here.drive()
    expect(await stepOf()).toBe('overlap')
    expect(t.cloud.logged).not.toContain('rolloverFailed')
    t.cloud.pass(minutes(21))
    await here.keep()
    expect(await kinds()).toEqual(['intact', 'begun', 'adopted', 'disabled'])
    for (const id of ids) t.world.agents.delete(id)
  })

  it('whose new versions somebody has disabled meanwhile is abandoned in the end, and does not stand in the way of the next', async () => {
    const here = t.instance({ onboard: () => Promise.reject(new Fault('KEY_UNAVAILABLE', 'retired')) })
    const { id } = await here.begin(byHand)
    await here.drive()
    expect(await t.run()).toMatchObject({ step: 'prove', trouble: 'prove: KEY_UNAVAILABLE' })
    t.cloud.pass(minutes(11))
    await here.keep()
    expect(await t.run()).toMatchObject({ id, step: 'abandoned' })
    expect((await here.begin(byHand)).id).not.toBe(id)
  })

  it('is not held up by an agent that stops, nor proved by one that is revoked', async () => {
    t.beat('two', { stopping: true, packageKeys: [] })
    t.beat('three', { revokedAt: 1, packageKeys: [] })
    t.world.answers = 'three'
    const here = t.instance()
    await here.begin(byHand)
    await here.drive()
    t.beat('one')
    await here.keep()
    expect(await stepOf()).toBe('prove')
    t.world.answers = 'one'
    await here.keep()
    expect(await stepOf()).toBe('overlap')
  })

  it('is adopted by an override with one agent’s proof, and with none it is not', async () => {
    t.beat('two')
    t.world.answers = undefined
    const here = t.instance()
    await here.begin(byHand)
    await here.drive()
    await here.begin({ ...byHand, reason: 'two is broken', override: true })
    await here.drive()
    expect(await stepOf()).toBe('prove')
    t.world.answers = 'one'
    await here.drive()
    expect(await t.run()).toMatchObject({ step: 'overlap', overridden: 'two is broken', problem: expect.stringMatching(/two/) })
  })
})

describe('an instance that seals all the while', () => {
  /** What is sealed is on its way for as long as a reply lives, with a minute for clocks. */
  const onItsWayMs = minutes(6)

  it.each([0, 8])(
    'never does so under a version that is disabled on the way, even if it cannot read the pointer for %i minutes',
    async (awayFor) => {
      let away = false
      const get: typeof t.cloud.tables.get = (...args) => {
        if (away) throw new Fault('STORE_UNAVAILABLE', 'test')
        return t.cloud.tables.get(...args)
      }
      const { keys } = t.cloud.keyring({ tables: { ...t.cloud.tables, get } })
      const sealed: { version: string; at: number }[] = []
      const here = t.instance()
      await here.begin(byHand)
      for (let minute = 0; minute < 60; minute += 1) {
        // Refused once the pointer is older than five minutes: then nothing is sealed at all.
        const pair = await keys.sealing().catch(() => (away ? undefined : expect.fail('nothing can be sealed')))
        if (pair) sealed.push({ version: Buffer.from(pair.package.version).toString('hex'), at: t.cloud.clock.now() })
        if (minute % 5 === 0) t.beat('one')
        await here.keep()
        const enabled = t.cloud.enabled().map((each) => each.version)
        const lost = sealed.filter((each) => !enabled.includes(each.version) && each.at > t.cloud.clock.now() - onItsWayMs)
        expect(lost, `minute ${minute}`).toEqual([])
        const sinceMs = t.cloud.clock.now() - (await t.current()).since
        away = (await stepOf()) === 'overlap' && sinceMs < minutes(awayFor)
        t.cloud.pass(minutes(1))
      }
      expect([await stepOf(), new Set(sealed.map(({ version }) => version)).size]).toEqual(['done', 2])
    },
  )
})

describe('killed', () => {
  const effects = [
    ...['createSecretVersion', 'createPasswordKeyVersion', 'disableSecretVersion', 'disablePasswordKeyVersion', 'tagSecretVersion'],
    ...['insert', 'replace', 'upsert'],
  ]

  it.each(['byHand', 'enable', 'revoke', 'incident'] as const)(
    'after any one of its effects (%s), it is finished by another instance; the pointer is usable all the time',
    async (why) => {
      const steps = new Set<string>()
      const wish = { ...byHand, why }
      for (let at = 1; ; at += 1) {
        t = await startTestRollover(memoryCloud())
        const before = t.cloud.made()
        const { vault, tables, died } = mortal(t.cloud, effects, at, 'after')
        const dying = t.instance({ vault, tables })
        await dying.begin(wish).catch(() => {})
        await t.whole(dying).catch(() => {})
        await t.usable()
        if (!died()) break
        const { step, id } = await t.run()
        steps.add(step)
        // Its claim ends by itself, and the timer is all that comes.
        t.cloud.pass(minutes(2))
        const other = t.instance()
        await other.keep()
        await t.usable()
        await t.whole(other)
        const what = `after effect ${at}, in ${step}`
        expect([await t.run(), await t.current()], what).toMatchObject([{ id, step: 'done' }, { rolloverId: id }])
        expect(t.cloud.made() - before, what).toBe(rules[why].keys.length)
        await t.settled()
        expect((await kinds()).toSorted(), what).toEqual(['adopted', 'begun', 'disabled', 'intact'])
      }
      expect([...steps]).toEqual(expect.arrayContaining(['make', 'prove', 'adopt', 'overlap', 'rewrite', 'disable', 'done']))
    },
  )

  it('after any one of its effects, one that nobody proves is abandoned by another instance, and the old stay', async () => {
    for (let at = 1; ; at += 1) {
      t = await startTestRollover(memoryCloud())
      t.silence()
      const before = await t.current()
      const { vault, tables, died } = mortal(t.cloud, effects, at, 'after')
      const dying = t.instance({ vault, tables })
      await dying.begin(byHand).catch(() => {})
      await t.whole(dying).catch(() => {})
      await t.usable()
      if (!died()) break
      t.cloud.pass(minutes(2))
      await t.whole(t.instance())
      expect([await t.run(), await t.current()]).toMatchObject([{ step: 'abandoned' }, { rolloverId: before.rolloverId }])
      await t.settled()
      expect((await kinds()).toSorted()).toEqual(['abandoned', 'begun', 'intact'])
    }
  })

  it('in doubt whether a version was made: its twin is found later and disabled', async () => {
    const here = t.instance()
    const { id } = await here.begin(byHand)
    const { vault } = t.cloud
    const created = await vault.createSecretVersion('package-key', { rollover: id })
    await here.drive()
    const twin = await vault.createSecretVersion('package-key', { rollover: id })
    expect((await t.run()).made?.packageKey).toBe(created)
    await t.whole(here)
    expect(t.cloud.enabled().map(({ version }) => version)).not.toContain(twin)
  })

  it('and taken over while it stood still, it moves no pointer and disables nothing any more', async () => {
    const held = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const slow = t.instance({
      async onboard() {
        reached.resolve()
        await held.promise
        return 'one'
      },
      agents: { all: async () => [], live: async () => [] },
    })
    await slow.begin(byHand)
    const working = slow.drive()
    await reached.promise
    t.cloud.pass(minutes(3))
    const other = t.instance()
    const { id } = await other.begin({ why: 'revoke', reason: 'stolen', by: 'admin' })
    held.resolve()
    await working
    expect(await t.run()).toMatchObject({ id, step: 'make' })
    await t.whole(other)
    expect(await t.current()).toMatchObject({ rolloverId: id })
  })
})

describe('the timer', () => {
  it('rolls when a key is older than 182 days, and tries again a day after nobody could prove it', async () => {
    const here = t.instance()
    await here.keep()
    const { id } = await t.run()
    t.cloud.age(days(181))
    await here.keep()
    expect((await t.run()).id).toBe(id)
    t.cloud.age(days(2))
    t.world.answers = undefined
    await here.keep()
    const first = await t.run()
    expect(first).toMatchObject({ why: 'schedule', step: 'prove' })
    t.cloud.pass(minutes(11))
    await here.keep()
    expect(await t.run()).toMatchObject({ id: first.id, step: 'abandoned' })
    t.world.answers = 'one'
    t.cloud.pass(minutes(15))
    await here.keep()
    expect((await t.run()).id).toBe(first.id)
    t.cloud.pass(days(1))
    await here.keep()
    await t.whole(here)
    expect(await t.run()).toMatchObject({ why: 'schedule', step: 'done' })
    expect((await t.run()).id).not.toBe(first.id)
  })

  it('tells when a key is 190 days old, whether nobody proves the new one or it cannot be made; not before, and not while it is off', async () => {
    const told: unknown[] = []
    const log: Log = (event, fields) => void (event === 'keysOverdue' && told.push(fields?.count))
    t.world.answers = undefined
    t.cloud.age(days(189))
    const here = t.instance({ log })
    await here.keep()
    expect([await stepOf(), told]).toEqual(['prove', []])
    t.cloud.age(days(1))
    await here.keep()
    expect([await stepOf(), told]).toEqual(['prove', [190]])
    t.cloud.pass(minutes(11))
    await here.keep()
    t.cloud.pass(minutes(15))
    await here.keep()
    expect([await stepOf(), told]).toEqual(['abandoned', [190, 190, 190]])
    await t.instance({ log, feature: { isOn: async () => false, enable: async () => {} } }).keep()
    expect(told.length).toBe(3)
  })

  it('does not while the feature is off: enabling it rolls every key', async () => {
    t.cloud.age(days(200))
    const { id } = await t.run()
    await t.instance({ feature: { isOn: async () => false, enable: async () => {} } }).keep()
    expect((await t.run()).id).toBe(id)
  })

  it('disables what nobody names, and nothing of a run under way', async () => {
    const stray = await t.cloud.vault.createSecretVersion('package-key', {})
    const here = t.instance()
    await here.keep()
    expect(t.cloud.enabled().map(({ version }) => version)).not.toContain(stray)
    await here.begin(byHand)
    await here.drive()
    await here.keep()
    expect(t.cloud.enabled().length).toBe(6)
  })
})

describe('enabling', () => {
  const feature = () => openFeature({ rows: t.rows, initiallyOn: true, clock: t.cloud.clock })
  const enable = async () => ({ why: 'enable', reason: 'go', by: 'admin', switchedAt: (await feature().state()).since }) as const
  beforeEach(() => feature().turn(false, 'stop', 'admin'))

  it('rolls all three keys by one answer, without any heartbeat, and then it is on', async () => {
    t.beat('two')
    const before = await t.current()
    const here = t.instance({ feature: feature() })
    await here.begin(await enable())
    await here.drive()
    const after = await t.current()
    expect([after.packageKey, after.passwordKey, after.stateKey].some((each) => Object.values(before).includes(each))).toBe(false)
    expect(await feature().state()).toMatchObject({ on: true, reason: 'go', by: 'admin' })
    // The overlap goes on; off and on again in the middle of it is a run of its own.
    await feature().turn(false, 'stop', 'admin')
    await here.begin(await enable())
    await here.drive()
    expect([(await feature().state()).on, t.cloud.enabled().length]).toEqual([true, 9])
  })

  it('that nobody answers leaves it off, and what was open before is disabled in its own time', async () => {
    const here = t.instance({ feature: feature() })
    await here.begin(await enable())
    await here.drive()
    const { rolloverId } = await t.current()
    await feature().turn(false, 'stop', 'admin')
    t.world.answers = undefined
    await here.begin(await enable())
    await here.drive()
    t.cloud.pass(minutes(11))
    await here.keep()
    expect([await t.run(), await feature().state()]).toMatchObject([{ step: 'overlap' }, { on: false }])
    // No overlap of its own: whoever follows it must not take it for adopted.
    expect(await t.shown()).toMatchObject({ step: 'abandon' })
    expect(t.cloud.enabled().length).toBe(6)
    t.cloud.pass(minutes(10))
    await here.keep()
    expect([await t.run(), await t.current()]).toMatchObject([{ step: 'abandoned' }, { rolloverId }])
  })

  it('has not the last word when it was switched off meanwhile', async () => {
    t.world.answers = undefined
    const here = t.instance({ feature: feature() })
    await here.begin(await enable())
    await here.drive()
    t.cloud.pass(1_000)
    await feature().turn(false, 'no', 'admin')
    t.world.answers = 'one'
    await here.drive()
    expect([await stepOf(), await feature().state()]).toMatchObject(['overlap', { on: false, reason: 'no' }])
  })
})

describe('cutting off', () => {
  it('an agent: the shared keys are disabled as soon as the pointer has moved, and rolled once more after 95 minutes', async () => {
    const before = await t.current()
    const here = t.instance()
    await here.begin({ why: 'revoke', reason: 'stolen', by: 'admin' })
    await here.drive()
    const after = await t.current()
    expect(after.stateKey).toBe(before.stateKey)
    await t.settled()
    t.cloud.pass(minutes(94))
    await here.keep()
    expect((await t.current()).packageKey).toBe(after.packageKey)
    t.cloud.pass(minutes(2))
    await here.keep()
    const again = await t.current()
    expect([again.packageKey, again.passwordKey]).not.toContain(after.packageKey)
    expect(again.again).toBeUndefined()
    await t.settled()
  })

  it('is not held up by nobody proving it, and says so', async () => {
    t.world.answers = undefined
    const before = await t.current()
    const here = t.instance()
    await here.begin({ why: 'revoke', reason: 'stolen', by: 'admin' })
    await here.drive()
    expect((await t.current()).packageKey).not.toBe(before.packageKey)
    expect(await t.shown()).toMatchObject({ problem: expect.stringMatching(/no agent has answered/) })
    expect(t.cloud.logged).toContain('rolloverUnproved')
    t.cloud.pass(minutes(100))
    await here.keep()
    await here.keep()
  })

  it.each(['incident', 'revoke'] as const)(
    'by an %s does not wait for a chain that takes too long; it is recorded before the end',
    async (why) => {
      const before = await t.current()
      const open = openEvidence({ ...t.cloud, rows: t.rows, log: () => {} })
      let away = true
      const append: typeof open.append = (facts) => (away ? Promise.reject(new Fault('STORE_UNAVAILABLE', 'test')) : open.append(facts))
      const here = t.instance({ evidence: { append } })
      const { id } = await here.begin({ why, reason: 'stolen', by: 'admin' })
      await here.drive()
      const enabled = t.cloud.enabled().map(({ version }) => version)
      expect([enabled.includes(before.packageKey), enabled.includes(before.passwordKey)]).toEqual([false, false])
      t.cloud.pass(minutes(21))
      await here.keep()
      expect(await t.run()).toMatchObject({ id, step: 'disable', trouble: 'disable: STORE_UNAVAILABLE' })
      away = false
      await here.keep()
      expect([await stepOf(), await kinds()]).toEqual(['done', ['intact', 'begun', 'adopted', 'disabled']])
    },
  )

  it.each<[string, Parameters<typeof t.instance>[0]]>([
    ['the list of agents, filled up by whoever is cut off, cannot be read', { agents: { live: async () => [], all: away } }],
    ['no probe can be sealed', { onboard: away }],
  ])('an agent does not wait where %s', async (_, over) => {
    const before = await t.current()
    const here = t.instance(over)
    await here.begin({ why: 'revoke', reason: 'stolen', by: 'admin' })
    await here.drive()
    expect((await t.current()).packageKey).not.toBe(before.packageKey)
    expect(await t.shown()).toMatchObject({ step: 'overlap', problem: expect.stringMatching(/no agent has answered/) })
  })

  it('everybody, in the middle of another rollover: that one is recorded as abandoned, nothing of it is ever used', async () => {
    const here = t.instance()
    const other = await here.begin(byHand)
    await here.drive()
    const probes = t.world.probes.length
    await here.begin({ why: 'incident', reason: 'stolen', by: 'admin' })
    await here.drive()
    const { packageKey, passwordKey } = await t.current()
    const enabled = t.cloud.enabled().map(({ name, version }) => [name, version])
    expect(enabled.filter(([name]) => name !== 'state-key')).toEqual([
      ['package-key', packageKey],
      ['password-key', passwordKey],
    ])
    expect(t.world.probes.length).toBe(probes)
    t.cloud.pass(minutes(5))
    await here.keep()
    await t.settled()
    const { records } = await openEvidence({ ...t.cloud, rows: t.rows, log: () => {} }).read()
    expect(records.filter(({ rolloverId }) => rolloverId === other.id).map(({ kind }) => kind)).toEqual(['begun', 'abandoned'])
    t.cloud.pass(minutes(100))
    await here.keep()
  })
})

describe('cutting off that is not done yet, for the vault is away,', () => {
  /** Begun, and nothing of it is done. */
  const begin = async (why: 'incident' | 'revoke') => {
    const makes = async () => Promise.reject(new Fault('KEY_UNAVAILABLE', 'test'))
    const here = t.instance({ vault: { ...t.cloud.vault, createSecretVersion: makes } })
    await here.begin({ why, reason: 'stolen', by: 'admin' })
    await here.drive()
    expect(await t.run()).toMatchObject({ why, step: 'make', trouble: 'make: KEY_UNAVAILABLE' })
  }

  it('an incident, and an agent revoked in it: every key is rolled all the same', async () => {
    const before = await t.current()
    await begin('incident')
    const here = t.instance()
    expect(await here.begin({ why: 'revoke', reason: 'that one', by: 'admin' })).toMatchObject({ why: 'incident', reason: 'that one' })
    await here.drive()
    expect((await t.current()).stateKey).not.toBe(before.stateKey)
  })

  it.each(['incident', 'revoke'] as const)('an %s: enabling, which may be abandoned, does not take its place', async (why) => {
    const before = await t.current()
    await begin(why)
    const here = t.instance()
    await expect(here.begin({ ...byHand, why: 'enable' })).rejects.toThrow('STORE_CONFLICT')
    await here.drive()
    expect((await t.current()).packageKey).not.toBe(before.packageKey)
    expect(await here.begin({ ...byHand, why: 'enable' })).toMatchObject({ why: 'enable' })
  })
})

it('can be begun however many runs were taken over before any of them came to its end', async () => {
  const here = t.instance()
  for (let n = 0; n < 70; n += 1) await here.begin({ why: 'revoke', reason: 'x'.repeat(500), by: 'admin' })
  await here.begin({ why: 'incident', reason: 'x'.repeat(500), by: 'admin' })
  expect(await t.run()).toMatchObject({ why: 'incident', step: 'make' })
})

it('whoever writes to the tables does not keep an old state key open by putting back rows that are under it', async () => {
  await t.rows.put('flows', 'old', 'row', 'kept')
  const { tables } = t.cloud
  const old = (await tables.get('flows', 'old', 'row')) ?? expect.fail('no row')
  let putBack = 0
  const under: typeof tables.under = async function* (...args) {
    // Against a loop without an end: a test that hangs says nothing.
    if (args[0] === 'flows' && ++putBack < 1_000) await tables.upsert('flows', old)
    yield* tables.under(...args)
  }
  const here = t.instance({ tables: { ...tables, under } })
  await here.begin(byHand)
  await t.whole(here)
  expect(await stepOf()).toBe('done')
  expect(putBack).toBeLessThan(10)
})

it('rows under versions that are made up, however many, cost the vault nothing when a state key is rolled', async () => {
  const asked = new Set<string>()
  const { tables, vault } = t.cloud
  await t.rows.put('flows', 'old', 'row', 'kept')
  const old = (await tables.get('flows', 'old', 'row')) ?? expect.fail('no row')
  for (let n = 0; n < 100; n += 1) await tables.upsert('flows', { ...old, rowKey: `row${n}`, v: String(n).padStart(32, '0') })
  const secret: typeof vault.secret = (name, version, use) => {
    asked.add(version)
    return vault.secret(name, version, use)
  }
  const here = t.instance({ vault: { ...vault, secret } })
  await here.begin(byHand)
  await t.whole(here)
  expect(await stepOf()).toBe('done')
  expect(asked.size).toBeLessThan(10)
})

describe('on the real parts', () => {
  it('rows are written again after their MAC was checked, a forged one is not; a vault that is away only costs time', async () => {
    const cloud = await startTestCloud()
    try {
      const real = await startTestRollover(cloud)
      await real.rows.put('flows', 'good', 'row', { n: 1 })
      await real.rows.put('flows', 'forged', 'row', { n: 1 })
      const forged = (await cloud.tables.get('flows', 'forged', 'row')) ?? expect.fail('no row')
      await cloud.tables.upsert('flows', { ...forged, d: '{"n":2}' })
      const here = real.instance()
      await here.begin(byHand)
      cloud.test.vault.control.faults([{ kind: 'unavailable', count: 6 }])
      await here.drive().catch(() => {})
      cloud.test.vault.control.faults([])
      cloud.pass(minutes(2))
      await real.whole(here)
      expect(await real.shown()).toMatchObject({ step: 'done' })
      await real.settled()
      expect(cloud.test.vault.control.versions().length).toBe(6)
      const { stateKey } = await real.current()
      const [good, bad] = await Promise.all(['good', 'forged'].map((name) => cloud.tables.get('flows', name, 'row')))
      expect([good?.v, bad?.v]).toEqual([stateKey, forged.v])
      expect((await cloud.keyring().rows.read('flows', 'good', 'row'))?.value).toEqual({ n: 1 })
    } finally {
      await cloud.close()
    }
  })
})
