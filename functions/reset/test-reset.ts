/**
 * Flows for tests: real rows in a real table store under real keys, on a clock that is set by hand; the people, the mail
 * and the agents are whatever the test says.
 */
import { Fault } from '../../shared/fault.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { defaultTimes } from '../../shared/times.ts'
import type { CountedName, Step } from '../audit/steps.ts'
import type { SignInType } from '../entra/sign-in-type.ts'
import { openAuthenticators } from '../gates/authenticators.ts'
import { deliverChallenge } from '../gates/deliver.ts'
import type { Call } from '../http/edge.ts'
import { type Macs, openMacs } from '../keys/mac.ts'
import { startTestCloud, type TestCloud } from '../keys/test-cloud.ts'
import type { Asked } from '../mail/texts.ts'
import { createCheckPassword } from '../policy/check.ts'
import { defaultPolicy, type Policy } from '../policy/row.ts'
import type { Writeback } from '../relay/agents.ts'
import type { SealTurn } from '../relay/seal.ts'
import type { Rows } from '../store/rows.ts'
import { type Flow, flowLifeMs, flowTable, maxChallenges, maxTries, newFlowId, newFlowSecret, recentFlows } from './flow.ts'
import type { Turn } from './turn.ts'

export interface TestPerson {
  id: string
  userPrincipalName: string
  mailAddress?: string
  synchronized: boolean
  signInDomain: string
  sourceAnchor?: string
  names?: readonly string[]
  enabled: boolean
}

export const ada: TestPerson = {
  id: 'aaaaaaaa-0000-4000-8000-000000000001',
  userPrincipalName: 'ada@example.test',
  mailAddress: 'ada@home.example.test',
  synchronized: true,
  signInDomain: 'example.test',
  sourceAnchor: 'YWRhLWFuY2hvcg==',
  enabled: true,
}

export type Mailed =
  | { kind: 'code'; to: string; code: string; validMinutes: number }
  | { kind: 'outcome'; to: string; outcome: Outcome; asked: Asked }

export interface TestFlow {
  id: string
  secret: string
  call<B>(body: B, over?: Partial<Call>): Call<B>
  row(): Promise<Flow>
}

export interface TestReset extends Awaited<ReturnType<typeof startTestReset>> {}

/** A flow's row and its owner's secret, as if all steps up to `over.state` had been taken. */
export async function makeFlow({ rows, macs, clock }: { rows: Rows; macs: Macs; clock: TestCloud['clock'] }, over: Partial<Flow> = {}) {
  const id = newFlowId()
  const secret = newFlowSecret()
  const value: Flow = {
    state: 'started',
    username: ada.userPrincipalName,
    secret: await macs.make('flow-secret', [id, secret]),
    expiresAt: clock.now() + flowLifeMs,
    triesLeft: maxTries,
    challengesLeft: maxChallenges,
    ...over,
  }
  await rows.insert<Flow>(flowTable, id, 'flow', value)
  const row = async (): Promise<Flow> => {
    const found = await rows.read<Flow>(flowTable, id, 'flow')
    if (!found) throw new Error('the flow is gone')
    return found.value
  }
  return { id, secret, row, call: <B>(body: B, more: Partial<Call> = {}) => ({ ...callOf(body, { [id]: secret }, id), ...more, body }) }
}

export function callOf<B>(body: B, secrets: Record<string, string>, flow: string): Call<B> {
  const deadline = new AbortController().signal
  return { body, params: { flow }, query: new URLSearchParams(), deadline, traceparent: undefined, flowSecret: (id) => secrets[id] }
}

export async function startTestReset() {
  const cloud = await startTestCloud()
  const { rows, stateKeys } = cloud.keyring()
  const macs = openMacs(stateKeys)
  const { clock } = cloud
  const people: TestPerson[] = [ada]
  const mailed: Mailed[] = []
  const queued: string[] = []
  const logged: { event: EventName; fields: Fields }[] = []
  const steps: Omit<Step, 'at'>[] = []
  const world = {
    writeback: 'up' as Writeback,
    on: true,
    signIn: 'passThrough' as SignInType,
    administrator: false,
    member: true,
    policy: {} as Partial<Policy>,
    people,
    mailed,
    queued,
    logged,
    steps,
  }
  const policies = { current: async () => ({ ...defaultPolicy, ...world.policy }) }
  const deps = {
    checkPassword: createCheckPassword({ policies, isBreached: async () => false }),
    authenticators: openAuthenticators({ rows, clock }),
    policies,
    rows,
    macs,
    clock,
    times: defaultTimes,
    recent: recentFlows(),
    agents: { writeback: async () => world.writeback },
    feature: { isOn: async () => world.on },
    queue: { send: async (text: string) => void queued.push(text) },
    people: {
      byId: async (id: string) => people.find((person) => person.id === id),
      byName: async (name: string) => people.find((person) => person.userPrincipalName === name),
    },
    signInTypes: { of: async ({ synchronized }: { synchronized: boolean }) => (synchronized ? world.signIn : 'cloudOnly') },
    groups: { isMember: async () => world.member },
    roles: { isAdministrator: async () => world.administrator },
    mail: {
      sendCode: async (to: string, code: string, validMinutes: number) => void mailed.push({ kind: 'code', to, code, validMinutes }),
      sendOutcome: async (to: string, outcome: Outcome, asked: Asked) => void mailed.push({ kind: 'outcome', to, outcome, asked }),
    },
    log: (event: EventName, fields: Fields = {}) => void logged.push({ event, fields }),
    steps: { add: (step: Omit<Step, 'at'>) => void steps.push(step), count: (event: CountedName) => void steps.push({ event }) },
  }
  return {
    cloud,
    world,
    deps,
    flow: (over: Partial<Flow> = {}) => makeFlow(deps, over),
    verified: (over: Partial<Flow> = {}) =>
      makeFlow(deps, { state: 'verified', person: { id: ada.id, sourceAnchor: ada.sourceAnchor }, ...over }),
    /** What the queue would bring; answers the last code that was mailed. */
    async deliver(): Promise<string> {
      for (const text of queued.splice(0)) await deliverChallenge(JSON.parse(text), deps)
      const last = mailed.findLast((mail) => mail.kind === 'code')
      if (last?.kind !== 'code') throw new Error('no code was mailed')
      return last.code
    },
    /** As new, but for the time and the rows. */
    renew() {
      Object.assign(world, { writeback: 'up', on: true, signIn: 'passThrough', administrator: false, member: true, policy: {} })
      people.splice(0, people.length, ada)
      for (const list of [mailed, queued, logged, steps]) list.splice(0)
    },
    close: () => cloud.close(),
  }
}

/** A turn of whoever is on-premises. */
export function sealable(turn: Turn): SealTurn {
  const { sourceAnchor } = turn.person
  if (sourceAnchor === undefined) throw new Error('in the cloud alone')
  return { ...turn, person: { ...turn.person, sourceAnchor } }
}

export const storeDown = () => new Fault('STORE_UNAVAILABLE', 'table storage failed (test)')

export interface RowTap {
  operation: keyof Rows
  table: string
  partition: string
  /** Calls of this operation on this partition so far, this one included. */
  count: number
}

/** Rows with somebody in between: `before` may fail an operation before anything happens, `after` when it has happened. */
export function tapped(rows: Rows, tap: { before?(at: RowTap): unknown; after?(at: RowTap): unknown }): Rows {
  const counts = new Map<string, number>()
  const wrap =
    (operation: keyof Rows) =>
    async (table: string, partition: string, ...rest: unknown[]) => {
      const name = `${operation} ${table} ${partition}`
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      const at = { operation, table, partition, count }
      await tap.before?.(at)
      const result = await (rows[operation] as (...args: unknown[]) => Promise<unknown>)(table, partition, ...rest)
      await tap.after?.(at)
      return result
    }
  return Object.fromEntries((Object.keys(rows) as (keyof Rows)[]).map((operation) => [operation, wrap(operation)])) as unknown as Rows
}

/** For `tapped`: fails where `fits` says so. */
export const failWhere = (fits: (at: RowTap) => boolean) => (at: RowTap) => {
  if (fits(at)) throw storeDown()
}
