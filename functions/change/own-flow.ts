/**
 * Whose password is to be changed: whoever has passed a gate on the flow they name, or is signed in.
 *
 * Who is signed in gets a flow of their own, and it is written only when there is something to send: a thousand guesses are a
 * thousand reads. No gate was passed on it: it is halfway, which is enough for a change and for nothing else; else whoever has a
 * token could reset by it after a wrong guess. An administrator has passed two gates, however they come: their flow is verified, not halfway.
 */
import { type Call, secretCookie } from '../http/edge.ts'
import { type Answer, problem } from '../http/problem.ts'
import {
  type FlowDeps,
  type FlowPerson,
  type FlowState,
  flowLifeMs,
  insertFlow,
  newFlowId,
  newFlowSecret,
  openFlow,
} from '../reset/flow.ts'
import { type PersonDeps, personOf } from '../reset/person.ts'

export interface OwnFlow {
  kind: 'own'
  person: FlowPerson
  state: FlowState
  /** The call as one on the flow. */
  onFlow(): Promise<Call>
  /** With what the caller needs to find it again; where nothing was changed there is nothing to find, and whether it was sent is not told. */
  shown(answer: Answer): Answer
}

/** `nobody`: the person cannot be found, or is disabled. */
export type Owned = OwnFlow | { kind: 'nobody' } | { kind: 'refused'; answer: Answer }

export type OwnFlowDeps = FlowDeps & Omit<PersonDeps, keyof FlowDeps>

const refused = (answer: Answer) => ({ kind: 'refused', answer }) as const

export async function ownFlow(call: Call<{ flow?: string | undefined }>, deps: OwnFlowDeps): Promise<Owned> {
  if (call.user) return signedIn(call.user.id, call, deps)
  const { flow } = call.body
  if (flow === undefined) return refused(problem('notSignedIn'))
  const onFlow = { ...call, params: { ...call.params, flow } }
  const opened = await openFlow(onFlow, deps)
  if (opened.kind === 'refused') return opened
  const { person, state } = opened.flow.value
  if (!person || (state === 'halfway' && person.administrator)) return refused(problem('wrongState', { state }))
  return { kind: 'own', person, state, onFlow: async () => onFlow, shown: (answer) => answer }
}

async function signedIn(personId: string, call: Call, deps: OwnFlowDeps): Promise<Owned> {
  const person = await personOf(personId, deps)
  if (person === undefined) return { kind: 'nobody' }
  if (person.administrator) return refused(problem('gatesNeeded'))
  const [id, secret] = [newFlowId(), newFlowSecret()]
  const cookies = [secretCookie(id, secret, flowLifeMs / 1_000)]
  return {
    kind: 'own',
    person,
    state: 'halfway',
    async onFlow() {
      await insertFlow({ id, secret, username: '', state: 'halfway', person }, deps)
      return { ...call, params: { flow: id }, flowSecret: (flowId) => (flowId === id ? secret : undefined) }
    },
    shown: (answer) => (answer.body['effect'] === 'notChanged' ? answer : { ...answer, body: { ...answer.body, flow: id }, cookies }),
  }
}
