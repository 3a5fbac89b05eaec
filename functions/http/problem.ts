/**
 * Everything that is not a success, as problem+json (RFC 9457) with a stable `code` that programs may rely on.
 *
 * Two kinds: problems of the call itself (this table), and outcomes of a request (answers.ts). Texts never repeat input.
 */

export const problems = {
  malformedJson: { status: 400, title: 'The body is not valid JSON.' },
  invalidBody: { status: 400, title: 'The body does not have the expected fields.' },
  invalidQuery: { status: 400, title: 'The query in the address is not as expected.' },
  unknownGate: { status: 400, title: 'This way of proving who you are is not offered.' },
  notSignedIn: { status: 401, title: 'Sign in to use this.' },
  signInAgain: { status: 401, title: 'Sign in again: for a change, the sign-in must be recent and as strong as required.' },
  changeOff: { status: 403, title: 'A password is not changed here: the organization locks accounts out too soon. Reset it instead.' },
  gatesNeeded: { status: 403, title: 'Administrators prove who they are by two gates first.' },
  notAllowed: { status: 403, title: 'You have no role that allows this.' },
  notYourself: { status: 403, title: 'Nobody does this for themselves: use the way that everybody uses.' },
  administratorsOnly: { status: 403, title: 'The help desk does not act on administrators.' },
  foreignOrigin: { status: 403, title: 'Calls from other sites are not accepted.' },
  unknownAgent: { status: 404, title: 'No agent of this id was ever heard.' },
  unknownUser: { status: 404, title: 'There is no such user.' },
  noMethod: { status: 404, title: 'There is none, or the time to confirm it is over.' },
  unknownFlow: { status: 404, title: 'There is no such request, or it is not yours.' },
  notSynchronized: { status: 409, title: 'This user is not synchronized from an on-premises directory.' },
  noBreachService: { status: 409, title: 'No range service of breached passwords is set (BREACH_URL): nothing could be looked at.' },
  wrongState: { status: 409, title: 'That step is not possible now.' },
  conflict: { status: 409, title: 'Another call of yours was faster. Look at the state of your request.' },
  expiredFlow: { status: 410, title: 'This took too long. Please start again.' },
  expiredCode: { status: 410, title: 'The code is no longer valid. Ask for a new one.' },
  lengthRequired: { status: 411, title: 'Send the body with its Content-Length, not in chunks.' },
  bodyTooLarge: { status: 413, title: 'The body is larger than this call takes.' },
  notJson: { status: 415, title: 'Send the body as application/json.' },
  wrongCode: { status: 422, title: 'The code is not right.' },
  passwordUnusable: { status: 422, title: 'This cannot be used as a password.' },
  tooManyCodes: { status: 429, title: 'No more codes can be sent for this request. Use the last one, or start again.' },
  tooManyTries: { status: 429, title: 'Too many tries. Please start again.' },
  noSignIn: { status: 503, title: 'Signing in is not set up for this service.' },
  tooManyActs: { status: 429, title: 'Too many calls about people in one hour. Nothing was done; try again later.' },
  noAdministrators: { status: 503, title: 'The administrators of this service are not set up: nobody gets in.' },
  unavailable: { status: 503, title: 'Something this depends on is not available. This call changed nothing; try again.' },
  inDoubt: { status: 503, title: 'Something this depends on failed on the way. Part of it may be done: look, and say it again.' },
  internal: { status: 500, title: 'Something went wrong here. If you had sent a new password, look at the state of your request.' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof problems

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** What every handler returns, whatever happened. */
export interface Answer {
  status: number
  body: { readonly [key: string]: Json | undefined }
  /** Set-Cookie lines. */
  cookies?: readonly string[]
  /** WWW-Authenticate (RFC 9110 §11.6.1). */
  challenge?: string
  /** In the place of the body. */
  file?: { type: string; text: string; headers: Readonly<Record<string, string>> }
}

export const problem = (code: ProblemCode, more: { readonly [key: string]: Json | undefined } = {}): Answer => ({
  status: problems[code].status,
  body: { type: `urn:password-writeback:problem:${code}`, title: problems[code].title, status: problems[code].status, code, ...more },
})
