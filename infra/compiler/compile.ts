/**
 * `npm run infra -- compile`: every template and parameter file, by a real compiler, without a single warning; and the snapshots in
 * test/infra/ (what Azure would be asked to make) are those of the templates as they are.
 *
 * The policy tests read the snapshots, so that they judge evaluated resources on machines without a compiler, too; the hash of the
 * sources beside them tells when they are stale.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Bicep, bicepVersion, findBicep } from './bicep.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** What is deployed by itself. Modules are compiled with what uses them. */
export const templates = ['infra/main.bicep', 'infra/modules/agent.bicep', 'infra/examples/private-endpoints.bicep']
export const snapshots = ['all', 'agent', 'agent-sas'] as const
const hashFile = 'test/infra/sources.sha256'

/** A subscription and a tenant that nobody has, so that a snapshot is the same everywhere. */
const place = [
  ...['--subscription-id', '00000000-0000-4000-8000-000000000001', '--tenant-id', '00000000-0000-4000-8000-000000000002'],
  ...['--resource-group', 'rg-writeback', '--location', 'westeurope', '--deployment-name', 'writeback'],
]

export const usage = `npm run infra -- compile [options]

  --write     make the snapshots in test/infra/ anew, after a change of the templates
  --require   fail if no compiler is to be had (otherwise that is said, and is no failure)

Exit codes: 0 compiled, or no compiler; 1 a warning, an error, or other snapshots; 64 wrong usage.`

/** Answers the exit code. */
export async function compile(args: readonly string[], print: (text: string) => void, cache = join(root, 'node_modules/.cache/bicep')) {
  let values: { write?: boolean; require?: boolean; help?: boolean }
  try {
    const options = { write: { type: 'boolean' }, require: { type: 'boolean' }, help: { type: 'boolean' } } as const
    values = parseArgs({ args: [...args], options }).values
  } catch {
    print(usage)
    return 64
  }
  if (values.help) {
    print(usage)
    return 0
  }
  const bicep = await findBicep({ cache })
  if ('none' in bicep) {
    print(`Not compiled: ${bicep.none}.`)
    return values.require || values.write ? 1 : 0
  }
  print(`Compiled by ${bicep.name}:`)
  const problems = [...(await compileAll(bicep, print)), ...(await snapshotAll(bicep, values.write ?? false, print))]
  for (const problem of problems) print(problem)
  print(problems.length === 0 ? '0 warnings, 0 errors' : `${problems.length} problem(s)`)
  return problems.length === 0 ? 0 : 1
}

async function compileAll(bicep: Bicep, print: (text: string) => void): Promise<string[]> {
  const problems: string[] = []
  for (const [verb, files] of [
    ['build', templates],
    ['build-params', readdirSync(join(root, 'infra/params')).map((name) => `infra/params/${name}`)],
  ] as const) {
    for (const file of files) {
      problems.push(...diagnostics(file, await bicep.run(verb, join(root, file), '--stdout')))
      print(`  ${file}`)
    }
  }
  return problems
}

/** Lines such as `main.bicep(3,7) : Warning no-unused-params: …`; anything on standard error is one. */
export function diagnostics(file: string, { code, stderr }: { code: number; stderr: string }): string[] {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return code !== 0 && lines.length === 0 ? [`${file}: the compiler ended with ${code}`] : lines
}

async function snapshotAll(bicep: Bicep, write: boolean, print: (text: string) => void): Promise<string[]> {
  if (bicep.version !== bicepVersion && !write) {
    print(`  snapshots not compared: they are of ${bicepVersion}`)
    return []
  }
  const problems: string[] = []
  for (const name of snapshots) {
    const file = `test/infra/${name}.bicepparam`
    const { code, stdout, stderr } = await bicep.run('snapshot', join(root, file), '--mode', write ? 'overwrite' : 'validate', ...place)
    if (code !== 0) problems.push(`${file}: another snapshot (compile --write, and look at the difference)\n${stdout}${stderr}`)
    else problems.push(...diagnostics(file, { code, stderr }))
    if (write && code === 0) sortOutputs(join(root, `test/infra/${name}.snapshot.json`))
    print(`  ${file}`)
  }
  if (write && problems.length === 0) writeFileSync(join(root, hashFile), `${hashOfSources()}\n`)
  return problems
}

/** The compiler writes them in another order each time. */
function sortOutputs(path: string): void {
  const { outputs, ...rest } = JSON.parse(readFileSync(path, 'utf8'))
  const sorted = Object.fromEntries(Object.entries(outputs).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(path, `${JSON.stringify({ ...rest, outputs: sorted }, null, 2)}\n`)
}

export const recordedHash = () => readFileSync(join(root, hashFile), 'utf8').trim()

/** Of everything that snapshots are made from. */
export function hashOfSources(): string {
  const under = (folder: string, form: RegExp) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
      .filter((path) => form.test(path))
  const hash = createHash('sha256')
  for (const path of [...under('infra', /\.bicep$/), ...under('test/infra', /\.bicepparam$/)].sort())
    hash.update(`${path}\n${readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n')}\n`)
  return hash.digest('hex')
}
