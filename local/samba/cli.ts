/**
 * `npm run samba`: a real domain controller on this machine, for the contract tests and to look around in.
 *
 * Exit codes: 0 done; 1 failed, or `status` found nothing installed; 64 wrong usage.
 */
import { readFile, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { runInside } from './command.ts'
import { ldapsPort, ownCertificate, startController } from './controller.ts'
import { install } from './install.ts'
import { exists, isAlive, isInstalled, kept, labRoot, newCopy, outside, program, readiness, remove } from './place.ts'
import { realms } from './realms.ts'
import { copyTemplate, ensureTemplate } from './template.ts'

const realm = realms.corp

const usage = `npm run samba -- <command>

  install   unpack Samba 4.24 into ${labRoot()} and provision the two sample forests (once, a minute)
  start     run a domain controller of ${realm.dnsName} in the background, on a loopback address of its own
  stop      end it and forget what was changed in it
  status    what is installed and what runs
  --help    this text

Needs root and apt-get (Debian or Ubuntu). SAMBA_LAB_ROOT puts it somewhere else, SAMBA_LAB_MIRROR names a Debian mirror where
this machine's apt knows none. To remove it, stop it and delete the folder. Tests start their own, and end them.
`

const print = (line: string) => void process.stdout.write(`${line}\n`)

interface Running {
  pid: number
  address: string
}

const runningFile = () => outside(`${kept}.json`)

async function whatRuns(): Promise<Running | undefined> {
  if (!(await exists(runningFile()))) return undefined
  const running: Running = JSON.parse(await readFile(runningFile(), 'utf8'))
  return isAlive(running.pid) && (await isOurs(running.pid)) ? running : undefined
}

/** Numbers of processes are used again: only the one that writes to this controller's own log is ours to end. */
async function isOurs(pid: number): Promise<boolean> {
  const log = await realpath(outside(`${kept}/log/output.log`)).catch(() => undefined)
  return log !== undefined && (await readlink(`/proc/${pid}/fd/1`).catch(() => undefined)) === log
}

async function begin(): Promise<number> {
  const ready = await readiness()
  if (ready.kind === 'missing') return fail(ready.what)
  const running = await whatRuns()
  if (running !== undefined) {
    print(`already running (pid ${running.pid})`)
    printAccess(running)
    return 0
  }
  await ensureTemplate(realm, print)
  await remove(kept)
  const copy = newCopy()
  await copyTemplate(realm, copy)
  await rename(outside(copy), outside(kept))
  const { child, address } = await startController(kept, { realm, tls: await ownCertificate(realm), background: true })
  child.unref()
  const started: Running = { pid: child.pid ?? 0, address }
  await writeFile(runningFile(), JSON.stringify(started))
  print(`running (pid ${started.pid})`)
  printAccess(started)
  return 0
}

function printAccess({ address }: Running): void {
  print(`  LDAPS        ldaps://${address}:${ldapsPort}, certificate for ${realm.hostName}`)
  print(`  authority    ${outside(`${kept}/private/tls/ca.pem`)}`)
  print(`  accounts     names and passwords in ${outside(`${kept}/forest.json`)}`)
}

const endsWithinMs = 10_000

async function finish(): Promise<number> {
  const running = await whatRuns()
  if (running === undefined) {
    print('nothing was running')
  } else {
    process.kill(running.pid, 'SIGTERM')
    const giveUp = AbortSignal.timeout(endsWithinMs)
    while (isAlive(running.pid)) {
      if (giveUp.aborted) return fail(`process ${running.pid} did not end`)
      await delay(20)
    }
    print('stopped')
  }
  if (await isInstalled()) await remove(kept)
  await rm(runningFile(), { force: true })
  return 0
}

async function status(): Promise<number> {
  if (!(await isInstalled())) {
    print(`not installed in ${labRoot()} (npm run samba -- install)`)
    return 1
  }
  const ready = await readiness()
  print(ready.kind === 'missing' ? ready.what : `installed   ${(await runInside(program, ['--version'])).trim()} in ${labRoot()}`)
  for (const { dnsName, template } of Object.values(realms)) {
    print(`provisioned ${dnsName}: ${(await exists(outside(template))) ? 'yes' : 'no (the first start does it)'}`)
  }
  const running = await whatRuns()
  print(`running     ${running === undefined ? 'no' : `yes (pid ${running.pid})`}`)
  if (running !== undefined) printAccess(running)
  return 0
}

async function prepare(): Promise<number> {
  await install(print)
  await Promise.all(Object.values(realms).map((each) => ensureTemplate(each, print)))
  print('ready')
  return 0
}

function fail(message: string): number {
  print(message)
  return 1
}

function wrongUsage(): number {
  print(usage)
  return 64
}

const commands: Readonly<Record<string, () => number | Promise<number>>> = {
  install: prepare,
  start: begin,
  stop: finish,
  status,
  '--help': () => {
    print(usage)
    return 0
  },
}

try {
  const [name = '', ...more] = process.argv.slice(2)
  const command = Object.hasOwn(commands, name) && more.length === 0 ? commands[name] : undefined
  process.exitCode = await (command ?? wrongUsage)()
} catch (error) {
  process.exitCode = fail(error instanceof Error ? error.message : String(error))
}
