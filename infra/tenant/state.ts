/**
 * What earlier commands found out, one file for each environment: `infra/.state/ENV.json`. No secret is ever in it.
 *
 * It only saves asking again. What exists is what Azure says: every command looks there before it makes anything, so a lost
 * file costs `register-app`, `deploy` and `enrol-agent` once more and nothing else.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { UsageError } from '../cli/command.ts'

const application = z.strictObject({ appId: z.guid(), objectId: z.guid() })
const schema = z.strictObject({
  apps: z.strictObject({ api: application, program: application, page: application }).partial().default({}),
  /** Outputs of infra/main.bicep. */
  outputs: z.record(z.string(), z.string()).default({}),
  agents: z.record(z.string(), application.extend({ principalId: z.guid() })).default({}),
  /** Locks of the vault that have to be put back (vault-lock.ts). */
  lifted: z.array(z.strictObject({ name: z.string(), level: z.string(), notes: z.string(), vault: z.string() })).default([]),
})
export type State = z.infer<typeof schema>
export type Application = z.infer<typeof application>

export interface StateFile {
  read(): State
  /** Written at once: whatever fails next, this is kept. */
  change(change: (state: State) => void): void
}

export function openState(folder: string, environment: string): StateFile {
  const file = join(folder, `${environment}.json`)
  const read = (): State => {
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch {
      return schema.parse({})
    }
    try {
      return schema.parse(JSON.parse(text))
    } catch {
      throw new UsageError(`${file} is not what these commands write: look at it, or delete it`)
    }
  }
  return {
    read,
    change(change) {
      const state = read()
      change(state)
      mkdirSync(folder, { recursive: true })
      writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`)
      renameSync(`${file}.new`, file)
    },
  }
}
