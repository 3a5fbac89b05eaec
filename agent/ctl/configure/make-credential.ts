/** The agent's key and certificate, as `agentctl enrol` makes them, where the settings just written say. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../../../shared/clock.ts'
import { graphTools, signInAsAdministrator } from '../enrol/administrator.ts'
import { type Enrolment, enrol, show } from '../enrol.ts'
import { explain } from '../explain.ts'
import { UsageError } from '../program.ts'
import type { Teller } from './ask.ts'

export interface ToMake {
  settingsFile: string
  certificate: string
  /** By an administrator who signs in; else how to do it is shown. */
  register: boolean
}

/** False: there is none, or it was refused: nothing that follows could work. */
export async function makeCredential({ settingsFile, certificate, register }: ToMake, tell: Teller, clock: Clock): Promise<boolean> {
  const lines: string[] = []
  const io = { print: (text: string) => void lines.push(text), complain: (text: string) => void lines.push(text) }
  const administrator: Enrolment['administrator'] = ({ tenantId, identity: { authority } }, localCa) =>
    signInAsAdministrator({ tenantId, clientId: graphTools, authority, localCa }, (message) => tell.lines([message]))
  const enrolment = { settingsFile, certificateFile: certificate, clock, administrator: register ? administrator : undefined }
  try {
    await mkdir(dirname(certificate), { recursive: true, mode: 0o700 })
    const enrolled = await enrol(enrolment)
    show(enrolled, enrolment, io)
    return enrolled.registered !== 'refused'
  } catch (error) {
    lines.push(`No certificate was made: ${error instanceof UsageError ? error.message : explain(error)}`)
    return false
  } finally {
    if (lines.length > 0) tell.lines(lines.flatMap((text) => text.split('\n')))
  }
}
