import { describe, expect, it } from 'vitest'
import type { EventName, Fields } from '../../shared/log.ts'
import type { RefusalReason } from '../entra/access-token.ts'
import type { Demand, TokenCheck, Verdict } from '../entra/admin-token.ts'
import type { UserTokenCheck, UserVerdict } from '../entra/user-token.ts'
import { problem } from '../http/problem.ts'
import { openAdmission } from './admission.ts'

const tenantUrl = 'https://login.microsoftonline.com/7a0c9a0e-3f0b-4b57-8a35-52d0a4a0c1de'
const ada = { id: 'c1b2c3d4-0000-4000-8000-0000000000ff', role: 'Writeback.Admin' } as const
const relink = { name: 'relink', auth: 'administrator', role: 'Writeback.Admin', changes: true } as const
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
  return {
    admit: openAdmission({ checks: { administrators: setUp ? check : undefined, users: undefined, tenantUrl }, authContext, log }),
    asked,
    logged,
  }
}
const refusedFor = (reason: RefusalReason, options?: { authContext: string }) =>
  opened({ kind: 'refused', reason }, options).admit(relink, 'Bearer a.b.c')

describe('an administrator', () => {
  it('gets in with what the route asks for', async () => {
    const { admit, asked, logged } = opened({ kind: 'administrator', administrator: ada }, { authContext: 'c1' })
    expect(await admit(relink, 'Bearer a.b-c_d.e')).toEqual({ kind: 'admitted', administrator: ada })
    expect(
      await admit({ name: 'readAudit', auth: 'administrator', role: 'Writeback.Helpdesk', changes: false }, 'bearer  a'),
    ).toMatchObject({ kind: 'admitted' })
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

describe('anybody of the tenant', () => {
  const eve = { id: ada.id, signedInAt: 5 }
  const genuine: UserVerdict = { kind: 'user', user: eve }
  function openedFor(verdict: UserVerdict, setUp = true) {
    const asked: { token: string; recent: boolean }[] = []
    const logged: [EventName, Fields | undefined][] = []
    const users: UserTokenCheck = async (token, { recent }) => {
      asked.push({ token, recent })
      return verdict
    }
    const log = (event: EventName, fields?: Fields) => void logged.push([event, fields])
    const checks = { administrators: undefined, users: setUp ? users : undefined, tenantUrl }
    return { admit: openAdmission({ checks, authContext: 'c1', log }), asked, logged }
  }
  const mine = { name: 'readMethods', auth: 'user', changes: false } as const
  const either = { name: 'change', auth: 'flowOrUser', changes: true } as const

  it('gets in about themselves; a change needs a recent sign-in', async () => {
    const { admit, asked } = openedFor(genuine)
    expect(await admit(mine, 'Bearer a')).toEqual({ kind: 'admitted', user: eve })
    await admit({ ...mine, changes: true }, 'Bearer b')
    expect(asked).toEqual([
      { token: 'a', recent: false },
      { token: 'b', recent: true },
    ])
  })

  it('shows a token or comes with a flow where either will do; a token that is no good is not overlooked', async () => {
    expect(await openedFor(genuine).admit(either, null)).toEqual({ kind: 'admitted' })
    expect(await openedFor(genuine, false).admit(either, null)).toEqual({ kind: 'admitted' })
    expect(await openedFor(genuine).admit(either, 'Bearer a')).toEqual({ kind: 'admitted', user: eve })
    for (const header of ['Bearer a', '', 'Basic YWRhOnB3'])
      expect(await openedFor({ kind: 'refused', reason: 'signature' }).admit(either, header)).toMatchObject({ kind: 'refused' })
  })

  it('is refused under an event of their own, and nobody gets in while the settings name no program for them', async () => {
    const { admit, logged } = openedFor({ kind: 'refused', reason: 'scope', person: ada.id })
    expect(await admit(mine, 'Bearer a')).toEqual({ kind: 'refused', answer: { ...problem('notSignedIn'), challenge: bare } })
    expect(logged).toEqual([['userRefused', { route: 'readMethods', reason: 'scope', count: 1, person: ada.id }]])
    expect(await openedFor(genuine, false).admit(mine, 'Bearer a')).toEqual({ kind: 'refused', answer: problem('noSignIn') })
  })
})
