/** What each wish becomes on the wire, what is asked again later, and that no password outlives it. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { flags } from '../../shared/payload.ts'
import { newId, openRequest } from '../../shared/seal.ts'
import { Secret } from '../../shared/secret.ts'
import { defaultTimes } from '../../shared/times.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { createSeal, createSealCheck, type SealTurn, type Wish } from './seal.ts'

const tenantId = randomBytes(16)
const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const key = { version: randomBytes(16), bytes: randomBytes(32) }
const keys = { sealing: async () => ({ package: key, password: { version: randomBytes(16), publicKey } }) }
const deps = { tenantId, times: defaultTimes, keys, clock: virtualClock() }
const secrets = () => ({ newPassword: Secret.fromText('Quite-New-77'), oldPassword: Secret.fromText('Quite-Old-77') })

function turnOf(): SealTurn & { backs: number } {
  return {
    id: newId(),
    person: { id: 'aaaaaaaa-0000-4000-8000-000000000001', sourceAnchor: 'AAECAwQFBgcICQoLDA0ODw==' },
    recorded: Promise.resolve(true),
    submittedAt: 0,
    backs: 0,
    async giveBack() {
      this.backs += 1
    },
  }
}

async function sealed(wish: Wish) {
  const turn = turnOf()
  const question = await createSeal(deps)(turn, wish, undefined)
  const again = (operation: 'check' | 'settle') => {
    const { body, id } = question.again(operation)
    return openRequest(body, key, tenantId, id)
  }
  return { turn, again, request: openRequest(question.body, key, tenantId, question.id) }
}

const { unlock, mustChange } = flags

describe('a wish on the wire', () => {
  it.each([
    [{ operation: 'reset', actor: 'self', unlock: true, mustChange: false }, unlock],
    [{ operation: 'adminReset', actor: 'admin', unlock: true, mustChange: true }, unlock | mustChange],
    [{ operation: 'adminReset', actor: 'admin', unlock: false, mustChange: true }, mustChange],
  ] as const)('%j', async (wish, flag) => {
    const { request } = await sealed({ ...wish, newPassword: secrets().newPassword })
    expect(request).toMatchObject({ operation: wish.operation, actor: wish.actor, flags: flag, newPassword: expect.any(Buffer) })
    expect(request.oldPassword).toBeUndefined()
  })

  it('a change carries both passwords, each in a blob of its own', async () => {
    const { request } = await sealed({ operation: 'change', actor: 'self', ...secrets(), unlock: false, mustChange: false })
    expect(request).toMatchObject({ operation: 'change', flags: 0 })
    expect(request.oldPassword?.equals(request.newPassword ?? Buffer.alloc(0))).toBe(false)
  })

  it.each(['unlock', 'check'] as const)('%s carries none', async (operation) => {
    const { request } = await sealed({ operation, actor: 'admin' })
    expect(request).toMatchObject({ operation, actor: 'admin', flags: 0 })
    expect([request.newPassword, request.oldPassword, request.passwordKey]).toEqual([undefined, undefined, undefined])
  })

  it('a check of nobody’s turn is one, too', async () => {
    const { body, id } = await createSealCheck(deps)(turnOf().person, 'self')
    expect(openRequest(body, key, tenantId, id)).toMatchObject({ operation: 'check', actor: 'self', flags: 0 })
  })
})

describe('asked again', () => {
  it('what became of a password: its blob, and what it was about', async () => {
    const { again, turn, request } = await sealed({ operation: 'change', actor: 'self', ...secrets(), unlock: true, mustChange: false })
    const settle = again('settle')
    expect(settle).toMatchObject({ operation: 'settle', flags: unlock, newPassword: request.newPassword, about: turn.id })
    expect(settle.oldPassword).toBeUndefined()
  })

  it('what became of an unlock: the unlock itself', async () => {
    const { again } = await sealed({ operation: 'unlock', actor: 'self' })
    expect([again('settle').operation, again('check').operation]).toEqual(['unlock', 'check'])
  })

  it('whether anybody is there: a check, without a blob', async () => {
    const { again } = await sealed({
      operation: 'reset',
      actor: 'self',
      newPassword: secrets().newPassword,
      unlock: true,
      mustChange: false,
    })
    expect([again('check').operation, again('check').flags, again('check').newPassword]).toEqual(['check', 0, undefined])
  })
})

describe('both passwords', () => {
  it('are wiped once they are sealed', async () => {
    const both = secrets()
    await sealed({ operation: 'change', actor: 'self', ...both, unlock: false, mustChange: false })
    for (const each of Object.values(both)) expect(() => each.use(() => {})).toThrow()
  })

  it('are wiped, and the turn is given back, where no key is to be had', async () => {
    const [both, turn] = [secrets(), turnOf()]
    const away = { ...deps, keys: { sealing: () => Promise.reject(new Error('away')) } }
    await expect(
      createSeal(away)(turn, { operation: 'change', actor: 'self', ...both, unlock: false, mustChange: false }, undefined),
    ).rejects.toThrow('away')
    for (const each of Object.values(both)) expect(() => each.use(() => {})).toThrow()
    expect(turn.backs).toBe(1)
  })
})
