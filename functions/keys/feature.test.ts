import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectionString, startAzurite } from '../../local/azurite.ts'
import { openTables } from '../store/tables.ts'
import { openFeature } from './feature.ts'
import { codeOf, startTestCloud, type TestCloud } from './test-cloud.ts'

let cloud: TestCloud
beforeAll(async () => {
  cloud = await startTestCloud()
})
afterAll(() => cloud.close())

const open = (initiallyOn: boolean, { rows } = cloud.keyring()) => openFeature({ rows, initiallyOn, clock: cloud.clock })

describe('the feature', () => {
  it('starts as the setting says, once for all instances at once', async () => {
    const answers = await Promise.all([open(true).isOn(), open(true).isOn(), open(true).isOn()])
    expect(answers).toEqual([true, true, true])
    expect(await open(false).isOn()).toBe(true)
  })

  it('is switched for every instance within ten seconds', async () => {
    const [here, there] = [open(true), open(true)]
    expect([await here.isOn(), await there.isOn()]).toEqual([true, true])
    await here.turn(false, 'reason', 'administrator')
    cloud.pass(9_999)
    expect(await there.isOn()).toBe(true)
    cloud.pass(1)
    expect([await here.isOn(), await there.isOn()]).toEqual([false, false])
    await there.turn(true, 'reason', 'administrator')
    cloud.pass(10_000)
    expect(await here.isOn()).toBe(true)
  })

  it('stays as it is for a minute when the store is gone', async () => {
    const azurite = await startAzurite()
    const connection = { kind: 'connectionString', connectionString: connectionString(azurite.addresses) } as const
    const feature = open(true, cloud.keyring({ tables: openTables({ connection, clock: cloud.clock }) }))
    expect(await feature.isOn()).toBe(true)
    await azurite.close()
    cloud.pass(59_999)
    expect(await feature.isOn()).toBe(true)
    cloud.pass(1)
    expect(await codeOf(feature.isOn())).toBe('STORE_UNAVAILABLE')
  })
})
