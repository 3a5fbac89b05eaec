/**
 * Password writeback on, or off. On takes an agent: it must have been heard before it can prove the new keys, so this waits for
 * the one that was just configured. What the function app did not say is not guessed.
 */
import type { Clock } from '../../../shared/clock.ts'
import { isFault } from '../../../shared/fault.ts'
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

export interface SwitchDeps {
  service: Service
  tell: Teller
  clock: Clock
}

const everyMs = 1_000
const agentWithinMs = 600_000
const settledWithinMs = 180_000

/** Whether it is now as it shall be. */
export async function switchWriteback(to: Switch, deps: SwitchDeps): Promise<boolean> {
  const { service, tell } = deps
  const word = to.on ? 'on' : 'off'
  tell.step(`Switching password writeback ${word} …`)
  let unsure = false
  try {
    const before = await service.writeback()
    if (before.on === to.on) {
      tell.lines([`Password writeback is ${word} already.`])
      return true
    }
    if (to.on && !(await agentHeard(before, to, deps))) {
      tell.lines(['The agent was not heard: password writeback was not switched on.'])
      return false
    }
    unsure = true
    const first = await service.setWriteback(to.on, to.reason).catch((error: unknown) => {
      unsure = isFault(error, 'API_UNAVAILABLE') // it may have been begun all the same
      if (!unsure) throw error
      return service.writeback()
    })
    const state = await settled(first, to, deps)
    tell.lines([state.on === to.on ? `Password writeback is ${word}.` : `Password writeback is not ${word}${whyNot(state)}.`])
    return state.on === to.on
  } catch (error) {
    const what = unsure ? `It is not known whether password writeback is ${word}` : `Password writeback was not switched ${word}`
    tell.lines([`${what}: ${explain(error)}.`])
    return false
  }
}

/** Steps of a run that has ended (functions/keys/run.ts). */
const over = ['done', 'abandoned']
const goesOn = ({ run }: WritebackState): boolean => run !== undefined && !over.includes(run.step)

const whyNot = (state: WritebackState): string =>
  `${state.run?.problem === undefined ? '' : ` (${state.run.problem})`}${goesOn(state) ? ' yet; the function app goes on with it' : ''}`

/** Since the settings were written; and where clocks differ, since this began to look. */
async function agentHeard(
  first: WritebackState,
  { agent, savedAt, settingsFile }: Switch,
  { service, tell, clock }: SwitchDeps,
): Promise<boolean> {
  const last = ({ agents }: WritebackState) => agents.find((each) => sameId(each.agent, agent))?.heardAt ?? 0
  const until = clock.monotonic() + agentWithinMs
  const before = last(first)
  if (before >= savedAt) return true
  tell.lines([
    'Start the agent now, or start it again, so that it takes these settings:',
    `  its service, or: node agent.cjs --settings ${settingsFile}`,
  ])
  tell.step('Waiting until it is heard …')
  while (clock.monotonic() < until) {
    await clock.sleep(everyMs)
    if (last(await service.writeback()) > before) return true
  }
  return false
}

const sameId = (a: string, b: string): boolean => a.replaceAll('-', '').toLowerCase() === b.replaceAll('-', '').toLowerCase()

async function settled(first: WritebackState, { on }: Switch, { service, tell, clock }: SwitchDeps): Promise<WritebackState> {
  const until = clock.monotonic() + settledWithinMs
  let state = first
  let told: string | undefined
  while (state.on !== on && goesOn(state) && clock.monotonic() < until) {
    if (state.run?.step !== told) tell.lines([state.run?.step ?? ''])
    told = state.run?.step
    await clock.sleep(everyMs)
    state = await service.writeback()
  }
  return state
}
