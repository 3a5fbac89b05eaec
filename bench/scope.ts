/**
 * `npm run bench -- scope`: agentctl scope as it ships, against an embedded directory with many people.
 *
 * The directory is a process of its own and not counted. `seconds` is the whole run of the program, `rssMb` the most memory it
 * ever had (ru_maxrss, KiB), both without the time to fill the directory.
 */
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installAgent } from '../local/agent.ts'
import { bundle } from '../local/bundle.ts'
import { makeAuthority } from '../local/ca.ts'
import { sampleForest } from '../local/directory/seed.ts'
import { spawnNode, startPart } from '../local/process.ts'
import { defaultTimes } from '../shared/times.ts'
import { round, timed } from './figures.ts'

export interface ScopeResult {
  users: number
  seconds: number
  rssMb: number
  accountsPerSecond: number
  /** Lines of the report, the head not counted: the crowd and the sample. */
  lines: number
}

const nobody = '00000000-0000-4000-8000-000000000000'

export async function scopeBench(users: number, progress: (line: string) => void): Promise<ScopeResult> {
  const folder = await mkdtemp(join(tmpdir(), 'password-writeback-scope-'))
  const logFolder = join(folder, 'logs')
  await mkdir(logFolder)
  const authority = await makeAuthority()
  const forest = sampleForest()
  const tls = await authority.issue({ commonName: forest.hostName, dnsNames: [forest.hostName], ipAddresses: [] })
  const { agentctl } = await bundle(join(folder, 'dist'))
  const directory = await startPart('directory', { tls, forest, crowd: users }, { logFolder })
  progress(`a directory with ${users} people more than the sample`)
  try {
    const target = { url: directory.addresses.ldaps, hostName: forest.hostName, ca: authority.ca }
    const settings = await installAgent({
      folder: join(folder, 'agent'),
      tenantId: nobody,
      clientId: nobody,
      proof: { kind: 'secret', secret: 'never used' },
      authority: 'https://localhost',
      vaultUrl: 'https://localhost',
      bus: { kind: 'identity', namespace: 'localhost', endpoint: 'sb://localhost' },
      transport: 'websockets',
      forests: [{ forest, target }],
      ca: authority.ca,
      times: defaultTimes,
    })
    return await measure(agentctl, settings, { users, folder, logFolder })
  } finally {
    await directory.close()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Place {
  users: number
  folder: string
  logFolder: string
}

async function measure(script: string, settings: string, { users, folder, logFolder }: Place): Promise<ScopeResult> {
  const [report, peak] = [join(folder, 'report.csv'), join(folder, 'peak')]
  let code: unknown
  const ms = await timed(async () => {
    const args = ['scope', '--settings', settings, '--out', report]
    const watched = { logFolder, environment: { BENCH_PEAK_FILE: peak } }
    const child = spawnNode(script, args, 'agentctl', watched, [new URL('./peak-memory.ts', import.meta.url).href])
    ;[code] = await once(child, 'exit')
  })
  if (code !== 0) throw new Error(`agentctl ended with ${code}: ${await readFile(join(logFolder, 'agentctl.log'), 'utf8')}`)
  const lines = (await readFile(report, 'utf8')).split('\r\n').length - 2
  if (lines < users) throw new Error(`${lines} lines for ${users} people`)
  const seconds = round(ms / 1000)
  return {
    users,
    seconds,
    rssMb: round(Number(await readFile(peak, 'utf8')) / 1024, 1),
    accountsPerSecond: Math.round(users / seconds),
    lines,
  }
}
