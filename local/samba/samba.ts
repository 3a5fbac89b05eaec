/**
 * A real Active Directory domain controller for tests and for `npm start`: Samba 4.24, one of two sample forests inside, in
 * about a second. It has the shape of `local/directory`, so that either can stand where the other does.
 *
 * Needs root and `npm run samba -- install`; asks for `readiness()` first who wants to know. Every start is a copy of one
 * template: names, identifiers and first passwords are those of the template.
 */
import { type SampleForest, sampleForest } from '../directory/seed.ts'
import { end } from '../process.ts'
import type { Power, StandIn, TlsFiles } from '../stand-in.ts'
import { type Administrator, asAdministrator } from './administrator.ts'
import { type SambaControl, sambaControl } from './control.ts'
import { type ControllerOptions, ldapsPort, ownCertificate, startController } from './controller.ts'
import { newCopy, readiness, remove, sweep } from './place.ts'
import { lock, placeUser, withIdentifiers } from './populate.ts'
import { type Realm, realms, type SambaForest } from './realms.ts'
import { copyTemplate, ensureTemplate } from './template.ts'

export { readiness } from './place.ts'
export { realms, type SambaForest } from './realms.ts'

export interface SambaOptions {
  /** corp if absent. */
  sample?: SambaForest
  /** For the realm's host name; without it, an authority of its own issues one. */
  tls?: TlsFiles
  /** Ordinary users beyond the named ones: user0001, user0002, … (25 ms each) */
  extraUsers?: number
  /** How long the password before the present one is taken in a bind, too: 0 if absent; 60 is what Windows does by default. */
  oldPasswordMinutes?: number
  /** A password filter: passwords with one of these inside are refused. */
  bannedSubstrings?: readonly string[]
  progress?(line: string): void
}

export interface Samba extends StandIn<{ ldaps: string; hostName: string }, SambaControl & Power> {
  forest: SampleForest
  hostName: string
  /** PEM: who issued the server's certificate. */
  ca: string
  pid: number
}

/** Throws when it is not installed or may not be started; `readiness` tells before. */
export async function startSamba(options: SambaOptions = {}): Promise<Samba> {
  const { extraUsers = 0, oldPasswordMinutes = 0, bannedSubstrings = [], progress } = options
  const realm = realms[options.sample ?? 'corp']
  const ready = await readiness()
  if (ready.kind === 'missing') throw new Error(ready.what)
  await sweep()
  await ensureTemplate(realm, progress)
  const tls = options.tls ?? (await ownCertificate(realm))
  const folder = newCopy()
  const forest = await copyTemplate(realm, folder)
  const running = await keepRunning(folder, { realm, tls, oldPasswordMinutes, bannedSubstrings })
  const { hostName } = realm
  try {
    const target = { url: `ldaps://${running.address}:${ldapsPort}`, hostName, ca: tls.ca }
    const administrator = await asAdministrator(target, forest.baseDn, forest.administrator)
    const present = await bringUpToDate(administrator, realm, forest, extraUsers)
    return {
      addresses: { ldaps: target.url, hostName },
      control: { ...sambaControl(administrator, target, present), stop: running.stop, start: running.start },
      forest: present,
      hostName,
      ca: tls.ca,
      get pid() {
        return running.pid()
      },
      async close() {
        await administrator.close()
        await running.stop()
        await remove(folder)
      },
    }
  } catch (error) {
    await running.stop()
    await remove(folder)
    throw error
  }
}

/** A controller that can be stopped and started again, at the same address and with what was written to it. */
async function keepRunning(folder: string, options: ControllerOptions) {
  const first = await startController(folder, options)
  const { address } = first
  let { child } = first
  return {
    address,
    pid: () => child.pid ?? 0,
    async stop(): Promise<undefined> {
      await end(child)
    },
    async start(): Promise<undefined> {
      child = (await startController(folder, { ...options, address })).child
    },
  }
}

/** A lock-out ends after half an hour: who was locked in the template is locked anew. */
async function bringUpToDate(
  administrator: Administrator,
  { forest: sample, hostName }: Realm,
  forest: SampleForest,
  extraUsers: number,
): Promise<SampleForest> {
  for (const { dn } of forest.users.filter(({ traits }) => traits.includes('locked'))) await lock(administrator, dn)
  if (extraUsers === 0) return forest
  const known = new Set(forest.users.map(({ sam }) => sam))
  const more = sampleForest({ sample, hostName, extraUsers }).users.filter(({ sam }) => !known.has(sam))
  for (const user of more) await placeUser(administrator, forest.baseDn, user)
  return { ...forest, users: await withIdentifiers(administrator, [...forest.users, ...more]) }
}
