/**
 * Password writeback on, or off. On takes an agent: it must have been heard before it can prove the new keys, so this waits for
 * the one that was just configured.
 */
import type { Clock } from '../../../shared/clock.ts'
import { explain } from '../explain.ts'
import type { Teller } from './ask.ts'
import type { Service, WritebackState } from './service.ts'

export interface Switch {
  on: boolean
  reason: string
  /** The agent's id, which is its client id. */
  agent: string
  savedAt: number
  settingsFile: string
}

const everyMs = 1_000
const agentWithinMs = 600_000
const settledWithinMs = 180_000

/** Whether it is now as it shall be. */
export async function switchWriteback(service: Service, to: Switch, { tell, clock }: { tell: Teller; clock: Clock }): Promise<boolean> {
  const word = to.on ? 'on' : 'off'
  tell.step(`Switching password writeback ${word} …`)
  try {
    if (to.on && !(await agentHeard(service, to, { tell, clock }))) {
      tell.lines(['The agent was not heard: password writeback was not switched on.'])
      return false
    }
    const state = await settled(service, await service.setWriteback(to.on, to.reason), to, { tell, clock })
    tell.lines([state.on === to.on ? `Password writeback is ${word}.` : `Password writeback is not ${word}${problemIn(state)}.`])
    return state.on === to.on
  } catch (error) {
    tell.lines([`Password writeback was not switched ${word}: ${explain(error)}`])
    return false
  }
}

const problemIn = ({ run }: WritebackState): string => (run?.problem === undefined ? ' yet: it goes on by itself' : `: ${run.problem}`)

async function agentHeard(service: Service, to: Switch, { tell, clock }: { tell: Teller; clock: Clock }): Promise<boolean> {
  const heard = ({ agents }: WritebackState) => agents.some(({ agent, heardAt }) => sameId(agent, to.agent) && heardAt >= to.savedAt)
  const until = clock.monotonic() + agentWithinMs
  if (heard(await service.writeback())) return true
  tell.lines([
    'Start the agent now, or start it again, so that it takes these settings:',
    `  its service, or: node agent.cjs --settings ${to.settingsFile}`,
  ])
  tell.step('Waiting until it is heard …')
  while (clock.monotonic() < until) {
    await clock.sleep(everyMs)
    if (heard(await service.writeback())) return true
  }
  return false
}

const sameId = (a: string, b: string): boolean => a.replaceAll('-', '').toLowerCase() === b.replaceAll('-', '').toLowerCase()

async function settled(
  service: Service,
  first: WritebackState,
  { on }: Switch,
  { tell, clock }: { tell: Teller; clock: Clock },
): Promise<WritebackState> {
  const until = clock.monotonic() + settledWithinMs
  let state = first
  let told: string | undefined
  while (state.on !== on && state.run !== undefined && state.run.problem === undefined && clock.monotonic() < until) {
    if (state.run.step !== told) tell.lines([state.run.step])
    told = state.run.step
    await clock.sleep(everyMs)
    state = await service.writeback()
  }
  return state
}
