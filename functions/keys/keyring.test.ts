import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Crash, codeOf, mortal, startTestCloud, type TestCloud } from './test-cloud.ts'
import type { Vault } from './vault.ts'

let cloud: TestCloud
beforeEach(async () => {
  cloud = await startTestCloud()
})
afterEach(() => cloud.close())

const namesOf = (versions: { name: string }[]) => versions.map(({ name }) => name).toSorted()
const oneOfEach = ['package-key', 'password-key', 'state-key']

/** What must hold after any number of starts: the pointer names the only three enabled versions there are. */
async function expectOnePointer() {
  const { packageKey, passwordKey, stateKey, rolloverId } = await cloud.keyring().pointer.current()
  expect(
    cloud
      .enabled()
      .map(({ name, version }) => [name, version])
      .toSorted(),
  ).toEqual([
    ['package-key', packageKey],
    ['password-key', passwordKey],
    ['state-key', stateKey],
  ])
  expect(rolloverId).toMatch(/^first-/)
}

const changes = ['createSecretVersion', 'createPasswordKeyVersion', 'disableSecretVersion', 'disablePasswordKeyVersion', 'insert']
const dying = (at: number, moment: 'before' | 'after') => mortal(cloud, changes, at, moment)

describe('the first start', () => {
  it('makes one version of each key and says so; later starts make none', async () => {
    await cloud.start()
    await expectOnePointer()
    expect(cloud.logged).toEqual(['keyVersionsMade', 'rolloverAdopted'])
    await cloud.start()
    expect(namesOf(cloud.test.vault.control.versions())).toEqual(oneOfEach)
  })

  it('is made by whatever first needs a key', async () => {
    await cloud.keyring().rows.put('flows', 'a', 'b', 1)
    await expectOnePointer()
  })

  it('of several instances at once leaves one pointer and nothing else enabled', async () => {
    await Promise.all([1, 2, 3].map(() => cloud.start()))
    const instances = Array.from({ length: 3 }, () => cloud.keyring())
    const pointers = await Promise.all(instances.map((each) => each.pointer.current()))
    expect(new Set(pointers.map((each) => JSON.stringify(each))).size).toBe(1)
    expect(cloud.test.vault.control.versions()).toHaveLength(9)
    await expectOnePointer()
    // Each can read what the others wrote.
    await instances[0]?.rows.put('flows', 'shared', 'row', 'hello')
    expect((await instances[2]?.rows.read('flows', 'shared', 'row'))?.value).toBe('hello')
  })

  it.each([1, 2, 3, 4].flatMap((at) => (['before', 'after'] as const).map((moment) => [moment, at] as const)))(
    'that dies %s change %i is made good by the next',
    async (moment, at) => {
      await expect(cloud.start(dying(at, moment))).rejects.toThrow(Crash)
      await cloud.start()
      await expectOnePointer()
    },
  )

  /** Another instance wins while this one has made its last version and not yet inserted its pointer. */
  function losing(vault: Vault, win: () => Promise<unknown>): Vault {
    return {
      ...vault,
      async createSecretVersion(name, tags) {
        const made = await vault.createSecretVersion(name, tags)
        if (name === 'package-key') await win()
        return made
      },
    }
  }
  const wins = {
    'has only inserted': { win: () => cloud.keyring().pointer.current(), changes: 7 },
    'has already cleared up': { win: () => cloud.start(), changes: 3 },
  }

  it.each(Object.entries(wins))('that loses to one that %s disables what it made and follows the winner', async (_name, { win }) => {
    const loser = cloud.keyring({ vault: losing(cloud.vault, win) })
    const { packageKey } = await loser.pointer.current()
    expect((await cloud.vault.secret('package-key', packageKey))?.symmetricKeySize).toBe(32)
    expect(cloud.test.vault.control.versions()).toHaveLength(6)
    await expectOnePointer()
  })

  it.each(Object.entries(wins).flatMap(([name, each]) => [3, 4, 5, 6, 7, 8].map((at) => ({ name, at, ...each }))))(
    'that loses to one that $name, and dies before its change $at, is made good by the next',
    async ({ win, at, changes }) => {
      const { vault, tables, died } = dying(at, 'before')
      const outcome = await codeOf(cloud.start({ vault: losing(vault, win), tables }))
      expect([died(), outcome === 'no fault']).toEqual([at <= changes, at > changes])
      await cloud.start()
      await expectOnePointer()
    },
  )

  it('with the vault down fails, and succeeds when it is back', async () => {
    cloud.test.vault.control.faults([{ kind: 'unavailable', count: 100 }])
    const instance = cloud.rollover()
    expect(await codeOf(instance.keep())).toBe('KEY_UNAVAILABLE')
    cloud.test.vault.control.faults([])
    expect(await codeOf(instance.keep())).toBe('no fault')
    await expectOnePointer()
  })
})
