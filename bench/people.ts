/** People of a bench who have passed the gate: what is measured is one submit each. */
import { once } from 'node:events'
import http from 'node:http'
import { codeIn, type ResetFlow, startReset } from '../local/reset-client.ts'
import type { System } from '../local/what-runs.ts'

const gatesAtOnce = 6

export const extraUsersOf = ({ forest }: System) => forest.users.filter(({ sam }) => /^user\d+$/.test(sam))

export async function passGates(system: System, users: readonly { upn: string; mail: string }[]): Promise<ResetFlow[]> {
  const flows: ResetFlow[] = []
  for (let from = 0; from < users.length; from += gatesAtOnce) {
    const some = users.slice(from, from + gatesAtOnce)
    flows.push(...(await Promise.all(some.map((user) => passGate(system, user)))))
  }
  return flows
}

export async function passGate(system: System, { upn, mail }: { upn: string; mail: string }): Promise<ResetFlow> {
  const flow = await startReset(system.url, upn)
  await flow.challenge()
  const { text } = await system.parts.mail.call('waitFor', mail, 0, 20_000)
  await flow.verify(codeIn(text))
  return flow
}

const keepAlive = new http.Agent({ keepAlive: true })

/** The submit as plain as can be: on a warm connection (or as `agent` has it), with no library in between. */
export function submit(url: string, { id, cookie }: ResetFlow, newPassword: string, agent = keepAlive) {
  return post(`${url}/api/reset/${id}/password`, { newPassword }, { cookie, 'content-type': 'application/json' }, agent)
}

export async function submitDone(...of: Parameters<typeof submit>): Promise<void> {
  const { status, text } = await submit(...of)
  if (status !== 200) throw new Error(`a reset was answered with ${status} ${text}`)
}

export async function post(url: string, given: object, headers: Record<string, string> = {}, agent = keepAlive) {
  const body = JSON.stringify(given)
  const options = { method: 'POST', agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } }
  const request = http.request(url, options)
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = ''
  response.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  await once(response, 'end')
  return { status: response.statusCode ?? 0, text }
}
