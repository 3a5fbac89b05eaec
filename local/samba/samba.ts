/**
 * A real Active Directory domain controller for tests and for `npm start`: Samba 4.24, the sample forest inside, in about a
 * second. It has the shape of `local/directory`, so that either can stand where the other does.
 *
 * Needs root and `npm run samba -- install`; asks for `readiness()` first who wants to know. Every start is a copy of one
 * template: names, identifiers and first passwords are those of the template.
 */
import { type SampleForest, sampleForest } from '../directory/seed.ts'
import { end } from '../process.ts'
import type { StandIn, TlsFiles } from '../stand-in.ts'
import { type Administrator, asAdministrator } from './administrator.ts'
import { type SambaControl, sambaControl } from './control.ts'
import { hostName, ldapsPort, ownCertificate, startController } from './controller.ts'
import { newCopy, readiness, remove, sweep } from './place.ts'
import { lock, placeUser, withIdentifiers } from './populate.ts'
import { copyTemplate, ensureTemplate } from './template.ts'

export { hostName } from './controller.ts'
export { readiness } from './place.ts'

export interface SambaOptions {
  /** For `hostName`; without it, an authority of its own issues one. */
  tls?: TlsFiles
  /** Ordinary users beyond the named ones: user0001, user0002, … (25 ms each) */
  extraUsers?: number
  /** How long the password before the present one is taken in a bind, too: 0 if absent; 60 is what Windows does by default. */
  oldPasswordMinutes?: number
  progress?(line: string): void
}

export interface Samba extends StandIn<{ ldaps: string; hostName: string }, SambaControl> {
  forest: SampleForest
  hostName: string
  /** PEM: who issued the server's certificate. */
  ca: string
  pid: number
}

/** Throws when it is not installed or may not be started; `readiness` tells before. */
export async function startSamba({ tls, extraUsers = 0, oldPasswordMinutes = 0, progress }: SambaOptions = {}): Promise<Samba> {
  const ready = await readiness()
  if (ready.kind === 'missing') throw new Error(ready.what)
  await sweep()
  await ensureTemplate(progress)
  const certificate = tls ?? (await ownCertificate())
  const folder = newCopy()
  const forest = await copyTemplate(folder)
  const { child, address } = await startController(folder, { tls: certificate, oldPasswordMinutes })
  const stop = async () => {
    await end(child)
    await remove(folder)
  }
  try {
    const target = { url: `ldaps://${address}:${ldapsPort}`, hostName, ca: certificate.ca }
    const administrator = await asAdministrator(target, forest.baseDn, forest.administrator)
    const present = await bringUpToDate(administrator, forest, extraUsers)
    return {
      addresses: { ldaps: target.url, hostName },
      control: sambaControl(administrator, target, present),
      forest: present,
      hostName,
      ca: certificate.ca,
      pid: child.pid ?? 0,
      async close() {
        await administrator.close()
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A lock-out ends after half an hour: who was locked in the template is locked anew. */
async function bringUpToDate(administrator: Administrator, forest: SampleForest, extraUsers: number): Promise<SampleForest> {
  for (const { dn } of forest.users.filter(({ traits }) => traits.includes('locked'))) await lock(administrator, dn)
  if (extraUsers === 0) return forest
  const known = new Set(forest.users.map(({ sam }) => sam))
  const more = sampleForest({ hostName, extraUsers }).users.filter(({ sam }) => !known.has(sam))
  for (const user of more) await placeUser(administrator, forest.baseDn, user)
  return { ...forest, users: await withIdentifiers(administrator, [...forest.users, ...more]) }
}
