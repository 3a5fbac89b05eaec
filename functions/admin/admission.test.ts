import { describe, expect, it } from 'vitest'
import type { EventName, Fields } from '../../shared/log.ts'
import type { Demand, RefusalReason, TokenCheck, Verdict } from '../entra/admin-token.ts'
import { problem } from '../http/problem.ts'
import { openAdmission } from './admission.ts'

const tenantUrl = 'https://login.microsoftonline.com/7a0c9a0e-3f0b-4b57-8a35-52d0a4a0c1de'
const ada = { id: 'c1b2c3d4-0000-4000-8000-0000000000ff', role: 'Writeback.Admin' } as const
const relink = { name: 'relink', role: 'Writeback.Admin', changes: true } as const
const bare = `Bearer realm="", authorization_uri="${tenantUrl}/oauth2/v2.0/authorize"`

function opened(verdict: Verdict | Error, { authContext, setUp = true }: { authContext?: string; setUp?: boolean } = {}) {
  const asked: { token: string; demand: Demand }[] = []
  const logged: [EventName, Fields | undefined][] = []
  const check: TokenCheck = async (token, demand) => {
    asked.push({ token, demand })
    if (verdict instanceof Error) throw verdict
    return verdict
  }
  const log = (event: EventName, fields?: Fields) => void logged.push([event, fields])
  return { admit: openAdmission({ check: setUp ? check : undefined, tenantUrl, authContext, log }), asked, logged }
}
const refusedFor = (reason: RefusalReason, options?: { authContext: string }) =>
  opened({ kind: 'refused', reason }, options).admit(relink, 'Bearer a.b.c')

describe('an administrator', () => {
  it('gets in with what the route asks for', async () => {
    const { admit, asked, logged } = opened({ kind: 'administrator', administrator: ada }, { authContext: 'c1' })
    expect(await admit(relink, 'Bearer a.b-c_d.e')).toEqual({ kind: 'admitted', administrator: ada })
    expect(await admit({ name: 'readAudit', role: 'Writeback.Helpdesk', changes: false }, 'bearer  a')).toMatchObject({ kind: 'admitted' })
    expect(asked).toEqual([
      { token: 'a.b-c_d.e', demand: { role: 'Writeback.Admin', change: { authContext: 'c1' } } },
      { token: 'a', demand: { role: 'Writeback.Helpdesk', change: undefined } },
    ])
    expect(logged).toEqual([])
  })
})

describe('whoever is refused', () => {
  it.each<RefusalReason>([
    'malformed',
    'header',
    'algorithm',
    'keyUnknown',
    'signature',
    'issuer',
    'audience',
    'expired',
    'notYetValid',
    'claims',
    'version',
    'tenant',
    'client',
    'scope',
  ])('is told the same, whatever is wrong: %s', async (reason) => {
    expect(await refusedFor(reason)).toEqual({ kind: 'refused', answer: { ...problem('notSignedIn'), challenge: bare } })
  })

  it.each([null, '', 'Bearer', 'Bearer ', 'Basic YWRhOnB3', 'Bearer a b', 'Bearer a, Bearer b', 'a.b.c', 'Bearer ä'])(
    'and so is %j, which is not looked into',
    async (authorization) => {
      const { admit, asked } = opened({ kind: 'administrator', administrator: ada })
      expect(await admit(relink, authorization)).toEqual({ kind: 'refused', answer: { ...problem('notSignedIn'), challenge: bare } })
      expect(asked).toEqual([])
    },
  )

  it.each<RefusalReason>(['role', 'appOnly'])('though genuine, may not: %s', async (reason) => {
    expect(await refusedFor(reason)).toEqual({ kind: 'refused', answer: problem('notAllowed') })
  })

  it('only because the sign-in is old is asked for a fresh one (RFC 9470)', async () => {
    const answer = { ...problem('signInAgain'), challenge: `${bare}, error="insufficient_user_authentication", max_age="900"` }
    expect(await refusedFor('authTimeOld')).toEqual({ kind: 'refused', answer })
    expect(await refusedFor('authTimeMissing')).toEqual({ kind: 'refused', answer })
  })

  it('only because the authentication context is missing gets Entra’s claims challenge', async () => {
    const admission = await refusedFor('authContext', { authContext: 'c7' })
    const challenge = admission.kind === 'refused' ? (admission.answer.challenge ?? '') : ''
    const [, head, claims = ''] = /^(.*), claims="([A-Za-z0-9+/]+=*)"$/.exec(challenge) ?? []
    expect(head).toBe(`${bare}, error="insufficient_claims"`)
    expect(JSON.parse(Buffer.from(claims, 'base64').toString())).toEqual({ access_token: { acrs: { essential: true, value: 'c7' } } })
  })

  it('stands in the log by reason and number, without a word of the token', async () => {
    const { admit, logged } = opened({ kind: 'refused', reason: 'role', person: ada.id })
    await admit(relink, 'Bearer a.secret-part.c')
    await admit(relink, null)
    expect(logged).toEqual([
      ['administratorRefused', { route: 'relink', reason: 'role', count: 1, person: ada.id }],
      ['administratorRefused', { route: 'relink', reason: 'noToken', count: 2 }],
    ])
  })
})

describe('nobody gets in', () => {
  it('while the tenant’s keys cannot be had', async () => {
    const { admit, logged } = opened(Object.assign(new Error('secret of the network'), { code: 'ECONNREFUSED' }))
    expect(await admit(relink, 'Bearer a.b.c')).toEqual({ kind: 'refused', answer: problem('unavailable') })
    expect(logged).toEqual([['administratorRefused', { route: 'relink', reason: 'unavailable', count: 1, fault: 'ECONNREFUSED' }]])
  })

  it('while the settings do not say whose tokens to take', async () => {
    const { admit, logged } = opened({ kind: 'administrator', administrator: ada }, { setUp: false })
    expect(await admit(relink, 'Bearer a.b.c')).toEqual({ kind: 'refused', answer: problem('noAdministrators') })
    expect(logged[0]?.[1]).toMatchObject({ reason: 'notSetUp' })
  })
})
