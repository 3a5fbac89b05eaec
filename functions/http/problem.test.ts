import { describe, expect, it } from 'vitest'
import { outcomes } from '../../shared/outcome.ts'
import { type ProblemCode, problem, problems } from './problem.ts'

const statuses: Record<ProblemCode, number> = {
  malformedJson: 400,
  invalidBody: 400,
  invalidQuery: 400,
  unknownGate: 400,
  notSignedIn: 401,
  signInAgain: 401,
  changeOff: 403,
  gatesNeeded: 403,
  notAllowed: 403,
  notYourself: 403,
  administratorsOnly: 403,
  foreignOrigin: 403,
  unknownAgent: 404,
  unknownUser: 404,
  noMethod: 404,
  unknownFlow: 404,
  notSynchronized: 409,
  noBreachService: 409,
  wrongState: 409,
  conflict: 409,
  expiredFlow: 410,
  expiredCode: 410,
  bodyTooLarge: 413,
  notJson: 415,
  wrongCode: 422,
  passwordUnusable: 422,
  tooManyCodes: 429,
  tooManyTries: 429,
  lengthRequired: 411,
  noSignIn: 503,
  tooManyActs: 429,
  noAdministrators: 503,
  unavailable: 503,
  inDoubt: 503,
  internal: 500,
}
const codes = Object.keys(problems) as ProblemCode[]

describe('a problem', () => {
  it.each(codes)('%s has its status, a sentence and a stable code', (code) => {
    const { status, body } = problem(code)
    expect(body).toEqual({ type: `urn:password-writeback:problem:${code}`, title: problems[code].title, status, code })
    expect(status).toBe(statuses[code])
    expect(problems[code].title).toMatch(/^[A-Z][^<>{}]{10,120}\.$/)
  })

  it('is never mistaken for an outcome', () => {
    expect(codes.filter((code) => code in outcomes)).toEqual([])
  })

  it('that could follow a submitted password does not say that nothing was changed', () => {
    expect(problems.internal.title).not.toMatch(/nothing was changed/i)
    expect(problems.conflict.title).not.toMatch(/nothing was changed/i)
  })
})
