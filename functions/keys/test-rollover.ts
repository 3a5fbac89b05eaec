/**
 * Rollovers for tests: a small cloud with its first keys, agents that read the vault's versions as real ones do, and what must
 * hold whatever happened.
 */
import { expect } from 'vitest'
import type { HeardAgent } from '../relay/agents.ts'
import type { Rollover } from './rollover.ts'
import { type Run, shownRun } from './run.ts'
import type { Instances } from './test-cloud.ts'
import type { Named } from './versions.ts'

export const minutes = (n: number) => n * 60_000
export const days = (n: number) => n * 86_400_000

export type TestRollover<C extends Instances = Instances> = Awaited<ReturnType<typeof startTestRollover<C>>>

export async function startTestRollover<C extends Instances>(cloud: C) {
  const { rows, pointer } = cloud.keyring()
  /** `answers`: which agent takes the probe. */
  const world = { answers: 'one' as string | undefined, agents: new Map<string, HeardAgent>(), probes: [] as Named[] }
  const enabledOf = (name: string) =>
    cloud
      .enabled()
      .filter((each) => each.name === name)
      .map(({ version }) => version)
  const all = async () => [...world.agents.values()]
  const over = {
    agents: { all, live: async () => (await all()).filter((each) => !each.stopping && each.revokedAt === undefined) },
    async onboard(named: Named) {
      world.probes.push(named)
      expect([enabledOf('package-key'), enabledOf('password-key')]).toEqual([
        expect.arrayContaining([named.packageKey]),
        expect.arrayContaining([named.passwordKey]),
      ])
      return world.answers
    },
    recorded: true,
  }
  await cloud.start()
  cloud.pass(minutes(25))
  const t = {
    cloud,
    rows,
    world,
    instance: (more: Parameters<typeof cloud.rollover>[0] = {}) => cloud.rollover({ ...over, ...more }),
    silence() {
      world.answers = undefined
    },
    /** A heartbeat: it proves what is enabled now, or only what was named before. */
    beat(agent: string, over: Partial<HeardAgent> = {}) {
      const versions = { packageKeys: enabledOf('package-key'), passwordKeys: enabledOf('password-key') }
      const speaker = { agent, bootId: 'b', bootStartedAt: 0, sequence: 0, heardAt: cloud.clock.now(), stopping: false }
      world.agents.set(agent, { ...speaker, linkProven: true, domains: [], ...versions, ...over })
    },
    current: () => pointer.follow(),
    async run(): Promise<Run> {
      return (await pointer.follow()).run ?? expect.fail('no run')
    },
    /** From a wish to the end of its run, with heartbeats and timers in between. */
    async whole(instance: Rollover) {
      await instance.drive()
      t.beat('one')
      cloud.pass(minutes(5))
      await instance.keep()
      cloud.pass(minutes(21))
      await instance.keep()
    },
    /** New things can be sealed and written at this moment, by an instance that has just started. */
    async usable() {
      const keyring = cloud.keyring()
      const { packageKey, passwordKey, stateKey } = await keyring.pointer.current()
      expect(enabledOf('package-key')).toContain(packageKey)
      expect(enabledOf('password-key')).toContain(passwordKey)
      expect(enabledOf('state-key')).toContain(stateKey)
      await keyring.keys.sealing()
      await keyring.rows.put('flows', 'usable', 'row', 1)
      expect((await rows.read('flows', 'usable', 'row'))?.value).toBe(1)
    },
    /** Nothing is enabled but what the pointer names, one of each. */
    async settled() {
      const { packageKey, passwordKey, stateKey } = await pointer.follow()
      expect([enabledOf('package-key'), enabledOf('password-key'), enabledOf('state-key')]).toEqual([
        [packageKey],
        [passwordKey],
        [stateKey],
      ])
    },
    shown: async () => shownRun(await t.run()),
  }
  return t
}
