import { expect, it } from 'vitest'
import { type Outcome, outcomes } from '../../shared/outcome.ts'
import { Secret } from '../../shared/secret.ts'
import { type SignInType, signInTypes } from '../entra/sign-in-type.ts'
import { placeOf } from '../operations.ts'
import type { Question } from '../relay/ask.ts'
import type { Wish } from '../relay/seal.ts'
import { resetOf } from './new-password.ts'
import { createWrite, type WriteTurn } from './write.ts'

const text = 'Wbx-7201-quartz'
const call = { deadline: new AbortController().signal, traceparent: undefined }
const turnOf = (signIn: SignInType | undefined, sourceAnchor: string | undefined) =>
  ({ person: { id: 'p', ...(signIn && { signIn }), ...(sourceAnchor && { sourceAnchor }) } }) as WriteTurn

/** What was done, in its order; the agent's and the cloud's answers are the test's. */
async function write(turn: WriteTurn, wish: Wish, said: Outcome, cloud: Outcome = { kind: 'done' }) {
  const steps: string[] = []
  const kept: Secret[] = []
  const inCloud = (step: string) => async (wanted: { password: Secret; mustChange: boolean }) => {
    kept.push(wanted.password)
    steps.push(`${step} ${wanted.password.use((value) => value.toString())} ${wanted.mustChange}`)
    return cloud
  }
  const seal = async (_turn: unknown, sealed: Wish) => {
    if ('newPassword' in sealed) sealed.newPassword.wipe()
    steps.push('sealed')
    return {} as Question
  }
  const ask = async () => {
    steps.push('asked')
    return said
  }
  const cloudPasswords = { alone: inCloud('alone'), behind: inCloud('behind') }
  const outcome = await createWrite({ seal, ask, cloudPasswords, submitted: () => void steps.push('submitted') })(turn, wish, call)
  return { steps, outcome, kept }
}
const reset = () => resetOf(Secret.fromText(text))
const isWiped = (secret: Secret) => {
  try {
    secret.use(() => {})
    return false
  } catch {
    return true
  }
}

it('cloud-only: the cloud alone, and nothing is sealed', async () => {
  const { steps, outcome } = await write(turnOf('cloudOnly', undefined), reset(), { kind: 'unknown' }, { kind: 'policy.filter' })
  expect(steps).toEqual(['submitted', `alone ${text} false`])
  expect(outcome).toEqual({ kind: 'policy.filter' })
})

it.each(['federated', 'passThrough', undefined] as const)('%s: on-premises alone', async (signIn) => {
  expect(await write(turnOf(signIn, 'AAAA'), reset(), { kind: 'done' })).toMatchObject({
    steps: ['sealed', 'submitted', 'asked'],
    outcome: { kind: 'done' },
  })
})

it('password hash: on-premises first, then the cloud, with a copy that is wiped', async () => {
  const cloud: Outcome = { kind: 'doneCloudPending' }
  const { steps, outcome, kept } = await write(turnOf('passwordHash', 'AAAA'), reset(), { kind: 'done' }, cloud)
  expect(steps).toEqual(['sealed', 'submitted', 'asked', `behind ${text} false`])
  expect(outcome).toEqual(cloud)
  expect(kept.map(isWiped)).toEqual([true])
})

it('password hash: what on-premises has not changed, the cloud is not asked for', async () => {
  for (const kind of Object.keys(outcomes) as Outcome['kind'][]) {
    if (outcomes[kind].effect === 'changed') continue
    const said = { kind } as Outcome
    expect(await write(turnOf('passwordHash', 'AAAA'), reset(), said)).toMatchObject({
      steps: ['sealed', 'submitted', 'asked'],
      outcome: said,
    })
  }
})

it('"must change" goes to both', async () => {
  const wish: Wish = { ...reset(), operation: 'adminReset', actor: 'admin', mustChange: true } as Wish
  expect((await write(turnOf('passwordHash', 'AAAA'), wish, { kind: 'done' })).steps).toContain(`behind ${text} true`)
})

it('what has no password goes to no cloud, whoever it is about', async () => {
  for (const signIn of signInTypes)
    for (const operation of ['unlock', 'check'] as const) {
      const { steps, outcome } = await write(
        turnOf(signIn, signIn === 'cloudOnly' ? undefined : 'AAAA'),
        { actor: 'self', operation },
        { kind: 'done' },
      )
      expect([steps, outcome.kind]).toEqual(
        placeOf(operation, signIn) === 'nowhere' ? [[], 'cloudOnly'] : [['sealed', 'submitted', 'asked'], 'done'],
      )
    }
})

it('a current password is compared by the directory alone: cloud-only people change elsewhere', async () => {
  const wish: Wish = { ...reset(), operation: 'change', oldPassword: Secret.fromText('x') } as Wish
  expect(await write(turnOf('cloudOnly', undefined), wish, { kind: 'done' })).toMatchObject({ steps: [], outcome: { kind: 'cloudOnly' } })
})
