import { type ChildProcess, type ForkOptions, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { createRequire, isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routes, triggers } from '../functions/routes.ts'
import { connectionString } from '../local/azurite.ts'
import { bundle } from '../local/bundle.ts'
import packageJson from '../package.json' with { type: 'json' }
import type { Loaded } from './bundle.fixture.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const shipped = ['agent.cjs', 'agentctl.cjs', 'functions-package/main.cjs'] as const

let built: string
/** Where what was built is taken to: outside the repository, nothing of it above. */
let elsewhere: string

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'built-'))
  elsewhere = await realpath(await mkdtemp(join(tmpdir(), 'elsewhere-')))
  await bundle(built)
  await cp(built, elsewhere, { recursive: true })
})
afterAll(() => Promise.all([built, elsewhere].map((folder) => rm(folder, { recursive: true }))))

/** Without this process's environment and module hooks: TypeScript is stripped by Node itself, and only from our own files. */
const alone = (cwd: string): ForkOptions => ({ cwd, env: {}, execArgv: [], silent: true })

async function endOf(child: ChildProcess): Promise<{ code: number | null; out: string; error: string }> {
  const said = (stream: ChildProcess['stdout']) => (stream ? text(stream) : Promise.resolve(''))
  const [[code], out, error] = await Promise.all([once(child, 'close'), said(child.stdout), said(child.stderr)])
  return { code, out, error }
}

describe('with no node_modules beside it', () => {
  test('nothing can be had from there', () => {
    const from = createRequire(join(elsewhere, 'functions-package', 'main.cjs'))
    for (const name of Object.keys(packageJson.dependencies)) expect(() => from.resolve(name), name).toThrow(/Cannot find module/)
  })

  test('the function app registers what functions/routes.ts says, no more and no less', async () => {
    const { functions, problems, hostJson } = await loadedApp(join(elsewhere, 'functions-package'))
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name)
    const found = functions.map(({ name, bindings }) => ({
      name,
      trigger: Object.values(bindings).find((each) => each.direction === 'in'),
    }))
    expect(found.sort(byName)).toEqual(declared().sort(byName))
    expect(problems).toEqual([])
    expect(hostJson).toEqual(JSON.parse(await readFile(join(root, 'host.json'), 'utf8')))
  })

  test.each([
    ['asked for help', ['--help'], 0, /^password-writeback agent \d+\.\d+\.\d+\n/, /^$/],
    ['told what it does not know', ['--nonsense'], 64, /--settings FILE/, /^$/],
    ['told nothing', [], 64, /--settings FILE/, /^$/],
    [
      'told settings that are no good',
      ['--settings', 'broken.json'],
      78,
      /^$/,
      /^SETTINGS_INVALID: 1 problem.*\n {2}forests\.0\.domains\.0\.servers\.0: must be ldaps/,
    ],
    ['told settings that are not there', ['--settings', 'none.json'], 78, /^$/, /the settings file cannot be read/],
  ])('the agent, %s', async (_why, args, code, out, error) => {
    await writeFile(join(elsewhere, 'broken.json'), JSON.stringify(brokenSettings))
    const ended = await endOf(fork(join(elsewhere, 'agent.cjs'), args, alone(elsewhere)))
    expect(ended).toEqual({ code, out: expect.stringMatching(out), error: expect.stringMatching(error) })
  })
})

test('what asks questions is in agentctl, and not in the agent', async () => {
  const [agent, agentctl] = await Promise.all(['agent.cjs', 'agentctl.cjs'].map((file) => readFile(join(built, file), 'utf8')))
  expect(agentctl).toContain('node_modules/@clack/prompts/')
  expect(agent).not.toContain('@clack')
})

describe('agentctl, with no node_modules beside it', () => {
  test.each([
    ['asked for help', ['--help'], 0, /^password-writeback agentctl \d+\.\d+\.\d+\n/, /^$/],
    ['told nothing', [], 64, /agentctl <subcommand>/, /^$/],
    ['asked to configure without a terminal', ['configure', '--settings', 'none.json'], 64, /^$/, /no terminal to ask on/],
    [
      'asked to show a grant',
      ['grant', '--account', 'S-1-5-21-1-2-3-1104', '--on', 'OU=People,DC=corp,DC=test'],
      0,
      /\(OA;CIIO;CR;00299570-.*;S-1-5-21-1-2-3-1104\)/,
      /^$/,
    ],
    [
      'asked to look at settings that are not there',
      ['doctor', '--settings', 'none.json'],
      1,
      /^FAILED +settings +the settings file/,
      /^$/,
    ],
    [
      'asked to reach nobody',
      [
        'grant',
        '--account',
        'a',
        '--on',
        'DC=test',
        '--apply',
        '--server',
        'ldaps://127.0.0.1:1',
        '--bind-dn',
        'a',
        '--password-file',
        'pw',
      ],
      1,
      /^$/,
      /^Failed: nobody listens there/,
    ],
  ])('%s', async (_why, args, code, out, error) => {
    await writeFile(join(elsewhere, 'pw'), 'x', { mode: 0o600 })
    const ended = await endOf(fork(join(elsewhere, 'agentctl.cjs'), args, alone(elsewhere)))
    expect(ended).toEqual({ code, out: expect.stringMatching(out), error: expect.stringMatching(error) })
  })

  test('is not in the agent', async () => {
    expect(await readFile(join(elsewhere, 'agent.cjs'), 'utf8')).not.toMatch(/^\/\/ agent\/(ctl\/|directory\/security\.ts)/m)
  })
})

/** Complete but for one thing: clear-text LDAP. */
const brokenSettings = {
  tenantId: '11111111-1111-4111-8111-111111111111',
  relay: { namespace: 'localhost' },
  vault: { url: 'https://localhost' },
  identity: { clientId: '22222222-2222-4222-8222-222222222222', secretFile: 'secret' },
  forests: [{ name: 'corp', domains: [{ name: 'corp', servers: ['ldap://dc1'] }], bindDn: 'CN=agent,DC=corp', bindPasswordFile: 'secret' }],
  rules: [{ name: 'people', forest: 'corp', baseDn: 'DC=corp' }],
}

async function loadedApp(appFolder: string): Promise<Loaded> {
  const { Values } = JSON.parse(await readFile(join(root, 'local.settings.sample.json'), 'utf8'))
  // Port 1 of loopback: nobody answers there, and loading must not need anybody.
  const settings = JSON.parse(JSON.stringify(Values).replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:1'))
  const storage = connectionString({ table: 1, queue: 1 })
  const identity = { IDENTITY_ENDPOINT: 'http://127.0.0.1:1/token', IDENTITY_HEADER: 'none' }
  const own = { ...settings, ...identity, DataStorage: storage, AzureWebJobsStorage: storage, LOCAL_CA_FILE: '' }
  await writeFile(join(appFolder, 'local.settings.json'), JSON.stringify({ Values: own }))
  const child = fork(fileURLToPath(new URL('./bundle.fixture.ts', import.meta.url)), [appFolder], alone(appFolder))
  const loaded = Promise.withResolvers<Loaded>()
  child.once('message', (message) => loaded.resolve(message as Loaded))
  const { code, error } = await endOf(child)
  loaded.reject(new Error(`the app was not loaded (exit code ${code}): ${error}`))
  return loaded.promise
}

function declared() {
  const { deliverChallenge, onAgentEvent, sweepReplies, keepKeys, removeOldSteps } = triggers
  const http = routes.map(({ name, method, route }) => ({
    name,
    trigger: { type: 'httpTrigger', methods: [method], route, authLevel: 'anonymous' },
  }))
  const others = [
    { name: 'deliverChallenge', trigger: { type: 'queueTrigger', ...deliverChallenge } },
    { name: 'onAgentEvent', trigger: { type: 'serviceBusTrigger', ...onAgentEvent } },
    { name: 'sweepReplies', trigger: { type: 'timerTrigger', ...sweepReplies } },
    { name: 'keepKeys', trigger: { type: 'timerTrigger', ...keepKeys } },
    { name: 'removeOldSteps', trigger: { type: 'timerTrigger', ...removeOldSteps } },
  ]
  return [...http, ...others].map(({ name, trigger }) => ({ name, trigger: expect.objectContaining({ direction: 'in', ...trigger }) }))
}

describe('what is inside', () => {
  /** esbuild writes each module's path above it. */
  const modulesIn = (code: string) => [...code.matchAll(/^\/\/ (\S+\.(?:[cm]?[jt]s|json))$/gm)].map(([, path = '']) => path)
  const topsOf = (modules: readonly string[]) => [...new Set(modules.map((path) => path.split('/')[0]))].sort()
  const packagesOf = (modules: readonly string[]) =>
    new Set(modules.map((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? ''))
  const codeOf = (file: string) => readFile(join(elsewhere, file), 'utf8')

  test.each([
    [
      'functions-package/main.cjs',
      ['functions', 'node_modules', 'shared'],
      ['@azure/functions', '@azure/data-tables', 'nodemailer'],
      ['ldapts'],
    ],
    [
      'agent.cjs',
      ['agent', 'node_modules', 'package.json', 'shared'],
      ['ldapts'],
      ['@azure/functions', '@azure/data-tables', '@azure/storage-queue', 'nodemailer'],
    ],
    [
      'agentctl.cjs',
      ['agent', 'node_modules', 'package.json', 'shared'],
      ['ldapts'],
      ['@azure/functions', '@azure/data-tables', '@azure/storage-queue', 'nodemailer'],
    ],
  ])('%s', async (file, tops, needed, foreign) => {
    const modules = modulesIn(await codeOf(file))
    expect(topsOf(modules)).toEqual(tops)
    const packages = packagesOf(modules)
    expect(needed.filter((name) => !packages.has(name))).toEqual([])
    const forTests = Object.keys(packageJson.devDependencies).filter((name) => name !== 'rhea')
    expect([...foreign, ...forTests].filter((name) => packages.has(name))).toEqual([])
    expect(modules.filter((path) => /\.(test|fixture)\.ts$|\/test-/.test(path))).toEqual([])
  })

  test.each(shipped)('%s knows nothing of the machine that built it, nor of what tests it', async (file) => {
    const code = await codeOf(file)
    for (const text of [root, built, pathToFileURL(root).href, 'vitest', 'sourceMappingURL']) expect(code.includes(text), text).toBe(false)
  })

  test.each(shipped)('%s requires Node alone, and what its host or nobody may have', async (file) => {
    const required = [...(await codeOf(file)).matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name = '']) => name)
    const beyond = [...new Set(required)].filter((name) => !isBuiltin(name)).sort()
    // ws tries two native add-ons and does without them.
    expect(beyond).toEqual([...(file === 'functions-package/main.cjs' ? ['@azure/functions-core'] : []), 'bufferutil', 'utf-8-validate'])
  })

  test('the package holds four files and asks for nothing to be installed', async () => {
    const files = await readdir(join(built, 'functions-package'))
    expect(files.sort()).toEqual(['host.json', 'main.cjs', 'main.cjs.LEGAL.txt', 'package.json'])
    const manifest = JSON.parse(await readFile(join(built, 'functions-package', 'package.json'), 'utf8'))
    expect(manifest).toEqual({ name: 'password-writeback-functions', version: packageJson.version, private: true, main: 'main.cjs' })
  })
})

test('the same sources give the same bytes, and nothing of an earlier build is left in the package', async () => {
  const digests = async () => {
    const files = (await readdir(built, { recursive: true, withFileTypes: true })).filter((each) => each.isFile())
    const entries = files.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name)
      return [
        path.slice(built.length),
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      ] as const
    })
    return Object.fromEntries(await Promise.all(entries))
  }
  const before = await digests()
  expect(Object.keys(before)).toHaveLength(8)
  await writeFile(join(built, 'functions-package', 'left-over.cjs'), '')
  await bundle(built)
  expect(await digests()).toEqual(before)
})

test.each([
  ['--help', 0],
  ['--unknown', 64],
])('npm run build -- %s', async (option, code) => {
  const child = fork(join(root, 'local/build.ts'), [option], alone(root))
  expect(await endOf(child)).toEqual({ code, out: expect.stringContaining('npm run build -- [options]'), error: '' })
})
