/** An authenticator app in somebody's hand: registered as a page of theirs would do it, and showing codes. */
import { expect } from 'vitest'
import { codeAt } from '../../functions/gates/test-codes.ts'
import { call } from '../../local/reset-client.ts'
import type { System } from '../../local/what-runs.ts'
import { systemClock } from '../../shared/clock.ts'
import { tokenFor } from './sign-in.fixture.ts'

/** `next`: the code of the step to come, which is good already, and still after another was used. */
export interface App {
  code(): string
  next(): string
  secret: string
}

/** `secret` in base32, as it stands in the address that apps scan. */
export function appWith(secret: string): App {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const bytes = Buffer.from(bits.match(/.{8}/g)?.map((each) => Number.parseInt(each, 2)) ?? [])
  const shown = (ahead: number) => codeAt(bytes, systemClock.now() + ahead * 30_000)
  return { secret, code: () => shown(0), next: () => shown(1) }
}

export const methodsOf = ({ url }: Pick<System, 'url'>, token: string, path = '', options: { method?: string; body?: unknown } = {}) =>
  call(url, `me/methods${path}`, { ...options, headers: { authorization: `Bearer ${token}` } })

export async function register(system: System, upn: string): Promise<App> {
  const token = await tokenFor(system, 'me', upn)
  const started = await methodsOf(system, token, '/totp', { method: 'POST' })
  expect(started).toMatchObject({ status: 201, body: { state: 'pending' } })
  const app = appWith(started.body.secret)
  const confirmed = await methodsOf(system, token, '/totp/confirm', { body: { code: app.code() } })
  expect(confirmed).toMatchObject({ status: 200, body: { state: 'registered' } })
  return app
}
