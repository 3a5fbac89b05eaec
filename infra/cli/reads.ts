/** Commands that change nothing: status, keys, audit. */
import type { ManageAnswer } from '../../shared/manage.ts'
import { audit } from './audit.ts'
import { type Command, exitCodes, type Given, json, plain, refusal, UsageError, when } from './command.ts'
import { verdictText, verify as verifyChain } from './verify.ts'

/** One answer, as JSON or as text. */
async function show(
  given: Given,
  path: string,
  text: (body: ManageAnswer['body']) => string[],
  verdict = (_: ManageAnswer['body']) => true,
) {
  const answer = await given.manage.call('GET', path)
  const refused = refusal(answer, given)
  if (refused !== undefined) return refused
  given.io.print(given.json ? json(answer.body) : text(answer.body).join('\n'))
  return verdict(answer.body) ? exitCodes.done : exitCodes.failed
}

const list = (value: unknown): ManageAnswer['body'][] => (Array.isArray(value) ? value : [])

export const runText = (run: ManageAnswer['body']): string =>
  `${plain(run.why)} ${plain(run.id)}: ${plain(run.step)}, since ${when(run.startedAt)}${run.problem ? `; ${plain(run.problem)}` : ''}`

function agentText(agent: ManageAnswer['body']): string {
  const facts = [agent.revoked && 'revoked', agent.stopping && 'stopping', !agent.linkProven && 'link not proven'].filter(Boolean)
  const unreachable = list(agent.domains).filter(({ reachable }) => !reachable).length
  if (unreachable > 0) facts.push(`${unreachable} domain(s) not reachable`)
  const { handled, changed, refused, unknown } = agent.counters ?? {}
  const counted =
    handled === undefined
      ? ''
      : `  ${plain(handled)} handled: ${plain(changed)} changed, ${plain(refused)} refused, ${plain(unknown)} unknown`
  return `  ${plain(agent.agent)}  ${plain(agent.version)}  heard ${when(agent.heardAt)}${counted}${facts.length > 0 ? `  (${facts.join(', ')})` : ''}`
}

const statusText = (body: ManageAnswer['body']): string[] => [
  `Password writeback is ${body.on ? 'on' : 'off'} since ${when(body.since)} (${[body.reason, body.by && `by ${body.by}`].filter(Boolean).map(plain).join(', ')}); the service reads "${plain(body.writeback)}".`,
  `${list(body.agents).length} agent(s):`,
  ...list(body.agents).map(agentText),
  ...(body.run ? [`${['done', 'abandoned'].includes(body.run.step) ? 'Last run' : 'Under way'}: ${runText(body.run)}`] : []),
]

const keyText = ({ name, version, state, createdAt }: ManageAnswer['body']) =>
  `  ${plain(name).padEnd(13)}${plain(state).padEnd(9)}${plain(version)}  made ${when(createdAt)}`

const keysText = (body: ManageAnswer['body']): string[] => [
  ...list(body.keys).map(keyText),
  `Next rollover: ${when(body.nextRolloverAt)}`,
  ...(body.run ? [`${['done', 'abandoned'].includes(body.run.step) ? 'Last run' : 'Under way'}: ${runText(body.run)}`] : []),
  'History:',
  ...list(body.history).map(
    (each) => `  ${when(each.at)}  ${plain(each.kind).padEnd(10)}${plain(each.why)}: ${plain(each.reason)}, by ${plain(each.by)}`,
  ),
  ...chainText(body),
]

const chainText = ({ chain }: ManageAnswer['body']): string[] => [
  `The chain of evidence is ${plain(chain?.state)}; its head is ${plain(chain?.head)}.`,
  ...list(chain?.problems).map((problem) => `  ${plain(problem)}`),
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
