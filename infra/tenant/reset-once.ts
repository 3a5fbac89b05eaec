/**
 * One reset of a test user over the API, as a page does it: start, a code by mail, the code, a new password, which nobody is
 * told. Whether it was changed is what the API answers; that the test user can sign in with it is for Active Directory to say.
 */
import { randomBytes } from 'node:crypto'
import { UsageError } from '../cli/command.ts'
import type { Json } from './az.ts'
import type { Given } from './command.ts'

/** The function app answers within 30 s. */
const patienceMs = 40_000

/** Undefined: changed. */
export async function resetOnce({ io, clock, az }: Given, url: string, username: string): Promise<string | undefined> {
  if (az.dryRun) return 'left out of a dry run'
  if (io.ask === undefined) throw new UsageError('a reset asks for the code in the mail: it needs a terminal')
  let cookie = ''
  const post = async (path: string, body: object): Promise<Json> => {
    const response = await fetch(new URL(`/api/${path}`, url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(cookie !== '' && { cookie }) },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: clock.deadline(patienceMs),
    })
    cookie ||= response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    const answer: Json = await response.json()
    return { status: response.status, ...answer }
  }
  const started = await post('reset', { username })
  if (started.flow === undefined) return said('start', started)
  const path = `reset/${encodeURIComponent(started.flow)}`
  const challenged = await post(`${path}/challenge`, { gate: 'mailCode' })
  if (challenged.status >= 300) return said('challenge', challenged)
  const code = (await io.ask(`The code in the mail to ${username}: `)).trim()
  const verified = await post(`${path}/verify`, { gate: 'mailCode', code })
  if (verified.status >= 300) return said('verify', verified)
  // All four kinds of characters, and nothing anybody could know.
  const answer = await post(`${path}/password`, { newPassword: `Aa1!${randomBytes(18).toString('base64url')}` })
  return answer.effect === 'changed' ? undefined : said('the new password', answer)
}

const said = (step: string, { status, code, outcome }: Json) => `${step}: ${outcome ?? code ?? status}`
