/**
 * The agent's settings as enrolment meets them: not finished yet, perhaps, so only what it needs is looked at; and one place
 * changed, with everything else left as it was written.
 */
import { randomBytes } from 'node:crypto'
import { chmod, chown, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { UsageError } from '../program.ts'

const needed = z.looseObject({
  tenantId: z.guid(),
  identity: z.looseObject({
    clientId: z.guid(),
    certificateFile: z.string().optional(),
    passphraseFile: z.string().optional(),
    secretFile: z.string().optional(),
    authority: z.string().default('https://login.microsoftonline.com'),
    graphUrl: z.string().default('https://graph.microsoft.com'),
  }),
  journalFile: z.string().default('/var/lib/password-writeback/journal.sqlite'),
  localCaFile: z.string().optional(),
})
export type EnrolSettings = z.infer<typeof needed>

/** @throws UsageError that names what is missing. */
export async function readEnrolSettings(file: string): Promise<EnrolSettings> {
  const parsed = needed.safeParse(await jsonOf(file))
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'settings'}: ${issue.message}`)
  throw new UsageError(`the settings file does not say who the agent is:\n  ${problems.join('\n  ')}`)
}

async function jsonOf(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch(() => Promise.reject(new UsageError('--settings: the file cannot be read')))
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError('--settings: the file is not valid JSON')
  }
}

/** A certificate takes the place of a client secret. */
export const defaultCertificateFile = ({ journalFile }: EnrolSettings): string => join(dirname(journalFile), 'certificate.pem')

export interface IdentityChange {
  certificateFile: string
  passphraseFile: string | undefined
}

export const isChange = ({ identity }: EnrolSettings, change: IdentityChange): boolean =>
  identity.certificateFile !== change.certificateFile ||
  identity.passphraseFile !== change.passphraseFile ||
  identity.secretFile !== undefined

/** The file as a whole, in the old place, with its owner and mode. @throws what the file system says. */
export async function writeIdentity(file: string, { certificateFile, passphraseFile }: IdentityChange): Promise<void> {
  const settings = (await jsonOf(file)) as { identity: Record<string, unknown> } // readEnrolSettings has looked; zod would change the order
  const { secretFile: _, passphraseFile: __, ...identity } = settings.identity
  const changed = { ...identity, certificateFile, ...(passphraseFile !== undefined && { passphraseFile }) }
  const { mode, uid, gid } = await stat(file)
  const unfinished = `${file}.${randomBytes(6).toString('hex')}.part`
  await writeFile(unfinished, `${JSON.stringify({ ...settings, identity: changed }, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  await chmod(unfinished, mode & 0o777)
  if (process.getuid?.() === 0) await chown(unfinished, uid, gid)
  await rename(unfinished, file)
}
