/**
 * The domain that every start copies, one for each forest: provisioned (10 s) and populated once, kept for two weeks.
 *
 * Two weeks, because time passes for it too: its passwords expire after 42 days like everybody's. Names and first passwords
 * lie beside it, readable by root alone; each template has its own.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { type SampleForest, sampleForest } from '../directory/seed.ts'
import { end } from '../process.ts'
import { asAdministrator } from './administrator.ts'
import { run, runInside } from './command.ts'
import { freeAddress, ldapsPort, ownCertificate, startController } from './controller.ts'
import type { Progress } from './install.ts'
import { exists, newCopy, outside, provisioner, remove } from './place.ts'
import { populate } from './populate.ts'
import type { Realm } from './realms.ts'

/** To be raised whenever a template of before would no longer do. */
const version = 2
const keptMs = 14 * 24 * 60 * 60 * 1000

interface Description {
  version: number
  madeAtMs: number
  forest: SampleForest
}

const descriptionFile = (folder: string) => outside(`${folder}/forest.json`)

/** Makes the template if there is none or none that will do. */
export async function ensureTemplate(realm: Realm, progress: Progress = () => {}): Promise<void> {
  if (await isGood(realm)) return
  progress(`provisioning the forest ${realm.dnsName}, once (about 15 s)`)
  const made = newCopy()
  try {
    await makeForest(realm, made)
    await putInPlace(realm, made)
  } finally {
    await remove(made)
  }
}

/** A copy of the template that may be run, and who is in it: read from the copy, since another process may renew the template. */
export async function copyTemplate({ template }: Realm, to: string): Promise<SampleForest> {
  await run('cp', ['-a', '--reflink=auto', outside(template), outside(to)])
  return (await describe(to)).forest
}

const describe = async (folder: string): Promise<Description> => JSON.parse(await readFile(descriptionFile(folder), 'utf8'))

async function isGood({ template }: Realm): Promise<boolean> {
  if (!(await exists(descriptionFile(template)))) return false
  const present = await describe(template)
  return present.version === version && Date.now() - present.madeAtMs < keptMs
}

/** Others may have been faster: theirs is as good. */
async function putInPlace(realm: Realm, made: string): Promise<void> {
  if (await isGood(realm)) return
  const { template } = realm
  const old = newCopy()
  if (await exists(outside(template))) await rename(outside(template), outside(old))
  await remove(old)
  await rename(outside(made), outside(template)).catch(async (error: unknown) => {
    if (!(await isGood(realm))) throw error
  })
}

async function makeForest(realm: Realm, folder: string): Promise<void> {
  const { hostName } = realm
  const names = sampleForest({ sample: realm.forest, hostName })
  await provision(realm, folder, names.administrator.password)
  const tls = await ownCertificate(realm)
  const { child, address } = await startController(folder, { realm, tls })
  try {
    const administrator = await asAdministrator(
      { url: `ldaps://${address}:${ldapsPort}`, hostName, ca: tls.ca },
      names.baseDn,
      names.administrator,
    )
    const forest = await populate(administrator, names)
    await administrator.close()
    const description: Description = { version, madeAtMs: Date.now(), forest }
    await writeFile(descriptionFile(folder), JSON.stringify(description), { mode: 0o600 })
  } finally {
    await end(child)
  }
}

async function provision(realm: Realm, folder: string, administratorPassword: string): Promise<void> {
  await mkdir(outside(folder), { recursive: true, mode: 0o700 })
  const address = await freeAddress()
  const options = [
    '--quiet',
    `--targetdir=${folder}`,
    `--realm=${realm.dnsName.toUpperCase()}`,
    `--domain=${realm.netbiosName}`,
    '--server-role=dc',
    '--dns-backend=NONE',
    `--host-name=${realm.host}`,
    `--host-ip=${address}`,
    `--option=interfaces=${address}/8`,
    '--option=bind interfaces only=yes',
    '--option=vfs objects=',
    '--option=ldb:nosync=true',
  ]
  await runInside('/usr/bin/python3', [provisioner, ...options], { input: `${administratorPassword}\n` })
}
