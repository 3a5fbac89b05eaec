/** Two forests and one person with an account in each: what they are told, and which of the two accounts has the new password. */
import { describe, expect, it } from 'vitest'
import { bindAs } from '../../local/bind.ts'
import type { SampleUser } from '../../local/directory/seed.ts'
import { passGate, useSystem } from './support.ts'

const running = useSystem({ forests: 2 })
const fresh = 'Wbx-7201-quartz'

const inForest = (at: number, sam: string): { person: SampleUser; signIn(password: string): Promise<string> } => {
  const found = running().forests[at]
  const person = found?.forest.users.find((user) => user.sam === sam)
  if (!found || !person) throw new Error('nobody is called this there')
  return { person, signIn: (password) => bindAs(found.target, person.dn, password) }
}

describe('with two forests', () => {
  it('somebody of the second one gets their password there', async () => {
    const { person, signIn } = inForest(1, 'nina.norris')
    const answer = await (await passGate(running(), person)).password(fresh)
    expect(answer).toMatchObject({ status: 200, body: { code: 'done' } })
    expect(await signIn(fresh)).toBe('accepted')
  })

  it('somebody with an account in each gets it in the one whose rule comes first, and only there', async () => {
    const [first, second] = [inForest(0, 'alice.adams'), inForest(1, 'alice.adams')]
    expect(first.person.immutableId).toBe(second.person.immutableId)
    const answer = await (await passGate(running(), first.person)).password(fresh)
    expect(answer).toMatchObject({ status: 200, body: { code: 'done' } })
    expect([await first.signIn(fresh), await second.signIn(fresh)]).toEqual(['accepted', 'refused'])
    expect(await second.signIn(second.person.password)).toBe('accepted')
  })

  it('somebody whose account was moved out of every scope is told that they are not set up for this', async () => {
    const { person } = inForest(0, 'bob.brown')
    await running().parts.directory.call('setAttributes', person.sam, { 'mS-DS-ConsistencyGuid': Buffer.alloc(16, 7).toString('base64') })
    const answer = await (await passGate(running(), person)).password(fresh)
    expect(answer).toMatchObject({ status: 409, body: { code: 'notLinked', condition: 'metaverse', effect: 'notChanged' } })
  })
})
