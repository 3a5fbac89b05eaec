/** Commands that change nothing: status, keys, audit. */
import type { Told } from '../../shared/manage.ts'
import { audit } from './audit.ts'
import { type Command, exitCodes, type Given, json, listIn, objectIn, plain, refusal, UsageError, when } from './command.ts'
import { verdictText, verify as verifyChain } from './verify.ts'

/** One answer, as JSON or as text. */
async function show(given: Given, path: string, text: (body: Told) => string[], verdict = (_: Told) => true) {
  const answer = await given.manage.call('GET', path)
  const refused = refusal(answer, given)
  if (refused !== undefined) return refused
  given.io.print(given.json ? json(answer.body) : text(answer.body).join('\n'))
  return verdict(answer.body) ? exitCodes.done : exitCodes.failed
}

export const runText = ({ why, id, step, startedAt, problem }: Told): string =>
  `${plain(why)} ${plain(id)}: ${plain(step)}, since ${when(startedAt)}${problem ? `; ${plain(problem)}` : ''}`

function runTexts({ run }: Told): string[] {
  if (!run) return []
  const { step } = objectIn(run)
  return [`${step === 'done' || step === 'abandoned' ? 'Last run' : 'Under way'}: ${runText(objectIn(run))}`]
}

function agentText({ agent, version, heardAt, revoked, stopping, linkProven, domains, counters }: Told): string {
  const facts = [revoked && 'revoked', stopping && 'stopping', !linkProven && 'link not proven'].filter(Boolean)
  const unreachable = listIn(domains).filter(({ reachable }) => !reachable).length
  if (unreachable > 0) facts.push(`${unreachable} domain(s) not reachable`)
  const { handled, changed, refused, unknown } = objectIn(counters)
  const counted =
    handled === undefined
      ? ''
      : `  ${plain(handled)} handled: ${plain(changed)} changed, ${plain(refused)} refused, ${plain(unknown)} unknown`
  return `  ${plain(agent)}  ${plain(version)}  heard ${when(heardAt)}${counted}${facts.length > 0 ? `  (${facts.join(', ')})` : ''}`
}

function statusText(body: Told): string[] {
  const { on, since, reason, by, writeback, agents } = body
  return [
    `Password writeback is ${on ? 'on' : 'off'} since ${when(since)} (${[reason, by && `by ${by}`].filter(Boolean).map(plain).join(', ')}); the service reads "${plain(writeback)}".`,
    `${listIn(agents).length} agent(s):`,
    ...listIn(agents).map(agentText),
    ...runTexts(body),
  ]
}

const keyText = ({ name, version, state, createdAt }: Told) =>
  `  ${plain(name).padEnd(13)}${plain(state).padEnd(9)}${plain(version)}  made ${when(createdAt)}`

const recordText = ({ at, kind, why, reason, by }: Told) =>
  `  ${when(at)}  ${plain(kind).padEnd(10)}${plain(why)}: ${plain(reason)}, by ${plain(by)}`

function keysText(body: Told): string[] {
  const { keys, nextRolloverAt, history, chain } = body
  return [
    ...listIn(keys).map(keyText),
    `Next rollover: ${when(nextRolloverAt)}`,
    ...runTexts(body),
    'History:',
    ...listIn(history).map(recordText),
    ...chainText(objectIn(chain)),
  ]
}

const chainText = ({ state, head, problems }: Told): string[] => [
  `The chain of evidence is ${plain(state)}; its head is ${plain(head)}.`,
  ...(Array.isArray(problems) ? problems : []).map((problem) => `  ${plain(problem)}`),
]

export const reads: Record<'status' | 'keys' | 'audit', Command> = {
  status: {
    usage: 'status',
    summary: 'whether password writeback is on, and who serves it',
    run: (given) => show(given, 'status', statusText),
  },
  keys: {
    usage: 'keys [verify [--head HEAD]]',
    summary: 'the key versions and their history; verify: check the chain of evidence on this machine, also against a head noted before',
    async run(given) {
      const [verify] = given.args
      if (verify !== undefined && verify !== 'verify') throw new UsageError('keys takes verify, or nothing')
      if (verify === undefined) return show(given, 'keys', keysText)
      return show(
        given,
        'keys',
        (body) => verdictText(verifyChain(body, given.head)),
        (body) => verifyChain(body, given.head).problems.length === 0,
      )
    },
  },
  audit,
}
