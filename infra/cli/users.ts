/**
 * `users reset|unlock|check USER`: for somebody else, by object id. A generated password is printed once, and kept nowhere; none
 * is taken from the command line, where others read it.
 */
import type { Told } from '../../shared/manage.ts'
import { type Command, exitCodes, json, objectIn, plain, refusal, UsageError } from './command.ts'

const paths: Readonly<Record<string, string>> = { reset: 'password', unlock: 'unlock', check: 'check' }

export const users: Command = {
  usage: 'users VERB USER --reason TEXT [--keep]',
  summary:
    'VERB reset: a generated password for a cloud user (object id), to be changed at the next sign-in unless --keep; unlock; check: ask whether a reset would work',
  async run(given) {
    const { args, reason, keep, manage, io } = given
    const [verb = '', user] = args
    const path = Object.hasOwn(paths, verb) ? paths[verb] : undefined
    if (path === undefined) throw new UsageError(`users takes ${Object.keys(paths).join(', ')}`)
    if (user === undefined) throw new UsageError(`users ${verb} needs USER`)
    if (reason === undefined || reason.trim() === '') throw new UsageError(`users ${verb} needs --reason: it is kept`)
    const body = { reason, ...(keep && verb === 'reset' && { mustChange: false }) }
    const answer = await manage.call('POST', `users/${encodeURIComponent(user)}/${path}`, body)
    const refused = refusal(answer, given)
    if (refused === undefined) io.print(given.json ? json(answer.body) : textOf(answer.body))
    // It may count all the same: where the outcome is unknown, this is the only time that it is seen.
    else if ('newPassword' in answer.body && !given.json) io.print(passwordText(answer.body))
    return refused ?? exitCodes.done
  },
}

const passwordText = ({ newPassword }: Told) => `Password, shown this once: ${plain(newPassword)}`
function textOf(body: Told): string {
  const { title, policy } = body
  const password = 'newPassword' in body ? [passwordText(body)] : []
  return [plain(title), ...password, ...(policy === undefined ? [] : [policyText(objectIn(policy))])].join('\n')
}

const policyText = ({ minLength, historyLength, complexity, minAgeMinutes }: Told): string =>
  `Rules: ${plain(minLength)} characters at least, ${plain(historyLength)} earlier ones remembered, complexity ${complexity ? 'on' : 'off'}, minimum age ${plain(minAgeMinutes)} min`
