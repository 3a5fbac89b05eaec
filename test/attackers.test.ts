/** What SECURITY.md says that somebody cannot do, where no other test lies nearer. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { routes } from '../functions/routes.ts'
import { openEnvelope } from '../shared/envelope.ts'
import { newId, openRequest, sealField, sealRequest } from '../shared/seal.ts'

describe('whoever reads the secrets of the vault and has every message', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const password = Buffer.from('Correct-Horse-Battery-1')
  const key = { version: randomBytes(16), bytes: randomBytes(32) }
  const [tenantId, id] = [newId(), newId()]
  const passwordKey = { version: randomBytes(16), publicKey }
  const sealed = (sourceAnchor = 'anchor') => sealField(password, 'new', passwordKey, id, sourceAnchor)
  const body = sealRequest(
    {
      operation: 'reset',
      actor: 'self',
      issuedAt: 1,
      startWithinMs: 14_000,
      cloudAnchor: newId(),
      sourceAnchor: 'anchor',
      passwordKey: passwordKey.version,
      newPassword: sealed(),
      flags: 0,
    },
    key,
    tenantId,
    id,
  )

  test('opens the envelope, and finds the password sealed again under a key that is in no secret', () => {
    const inside = openEnvelope(body, key, { direction: 'request', tenantId, id })
    expect(inside.includes(password)).toBe(false)
    const { newPassword } = openRequest(body, key, tenantId, id)
    expect(newPassword).toHaveLength(256)
    expect(newPassword?.includes(password)).toBe(false)
  })

  test('cannot tell a guess by sealing it: the same password is sealed differently each time', () => {
    expect(sealed()).not.toEqual(sealed())
  })
})

describe('whoever has the keys of the Functions host, or an administrator’s token', () => {
  test('finds no route that a host key opens', () => {
    expect(routes.filter(({ auth }) => !['anonymous', 'flowOrUser', 'user', 'administrator'].includes(auth))).toEqual([])
  })

  test('finds one administrators’ route that takes a password, for somebody else, and each asks for a role', () => {
    const managed = routes.filter(({ auth }) => auth === 'administrator')
    expect(managed.length).toBeGreaterThan(5)
    for (const route of managed) {
      const fields = Object.keys((route.body as z.ZodObject | undefined)?.shape ?? {})
      const telling = fields.filter((name) => /password|code|secret|proof/i.test(name))
      expect([route.name, telling]).toEqual([route.name, route.name === 'resetUser' ? ['newPassword'] : []])
      expect(route).toHaveProperty('role')
    }
    expect(
      routes
        .filter(({ body }) => Object.keys((body as z.ZodObject | undefined)?.shape ?? {}).includes('newPassword'))
        .map(({ name }) => name),
    ).toEqual(['newPassword', 'change', 'resetUser'])
  })

  test('changes nothing by reading, and every change needs a reason', () => {
    const changing = routes.filter(({ auth, method }) => auth === 'administrator' && method !== 'GET')
    for (const { name, body } of changing) expect([name, Object.keys((body as z.ZodObject).shape).includes('reason')]).toEqual([name, true])
  })
})
