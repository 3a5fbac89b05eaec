/** Rules of the house that no linter knows. Each names the file that broke it. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'

const root = new URL('..', import.meta.url)
const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts'], { encoding: 'utf8', cwd: root })
const isTest = (path: string) => /\.test\.ts$|\.fixture\.ts$|\/test-[^/]+\.ts$|^test\//.test(path)
const sources = listed
  .split('\n')
  .filter((path) => path !== '')
  .map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }))
const product = sources.filter(({ path }) => /^(functions|agent|shared)\//.test(path) && !isTest(path))

const breaking = (files: typeof sources, rule: (file: { path: string; text: string }) => boolean) =>
  files.filter(rule).map(({ path }) => path)
const withoutComments = (text: string) => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')

test('there is something to look at', () => {
  expect(product.length).toBeGreaterThan(50)
})

test('only the clock asks for the time or sets a timer', () => {
  const time = /\bDate\.now\(|\bnew Date\(\)|\bset(Timeout|Interval|Immediate)\(|\bperformance\.now\(|AbortSignal\.timeout\(|node:timers/
  expect(breaking(product, ({ path, text }) => path !== 'shared/clock.ts' && time.test(withoutComments(text)))).toEqual([])
})

describe('an SDK is imported in its adapter alone', () => {
  test.each([
    ['@azure/service-bus', ['shared/relay/client.ts']],
    ['@azure/keyvault-keys', ['agent/keys.ts', 'functions/keys/vault.ts']],
    ['@azure/keyvault-secrets', ['agent/keys.ts', 'functions/keys/vault.ts']],
    ['@azure/data-tables', ['functions/store/tables.ts']],
    ['@azure/storage-queue', ['functions/store/queue.ts']],
    ['@azure/core-rest-pipeline', ['agent/credential/graph.ts', 'functions/entra/graph.ts']],
    ['nodemailer', ['functions/mail/smtp.ts']],
    ['otplib', ['functions/gates/totp.ts']],
    ['@clack/prompts', ['agent/ctl/configure/prompts.ts']],
    ['jose', ['agent/credential/proof.ts', 'functions/entra/access-token.ts', 'functions/entra/tenant-keys.ts']],
    ['@azure/functions', ['functions/http/edge.ts', 'functions/main.ts', 'functions/relay/events.ts']],
  ])('%s', (sdk, adapters) => {
    const imports = new RegExp(`from '${sdk}'`)
    expect(breaking(product, ({ text }) => imports.test(text)).sort()).toEqual(adapters)
  })

  test('ldapts stays in agent/directory', () => {
    expect(breaking(product, ({ path, text }) => /from 'ldapts'/.test(text) && !path.startsWith('agent/directory/'))).toEqual([])
  })
})

test('no file has two ideas in it', () => {
  expect(breaking(sources, ({ path, text }) => !isTest(path) && text.split('\n').length > 251)).toEqual([])
})

test('the service grows by decision (docs/decisions/0016), not by accident', async () => {
  const options = { bundle: true, packages: 'external', metafile: true, write: false, platform: 'node', outdir: 'none' } as const
  const { metafile } = await build({ ...options, entryPoints: ['agent/main.ts'], absWorkingDir: fileURLToPath(root) })
  const loaded = product.filter(({ path }) => path in metafile.inputs)
  const lines = loaded.filter(({ path }) => path.startsWith('agent/')).flatMap(({ text }) => withoutComments(text).split('\n'))
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.filter(({ path }) => !path.startsWith('node:')))
  expect(loaded.filter(({ path }) => path.startsWith('agent/ctl/'))).toEqual([])
  expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(3_700)
  expect(new Set(imports.map(({ path }) => path)).size).toBeLessThanOrEqual(12)
})

test('no file leads back to itself, types included', () => {
  const imports = new Map(
    sources.map(({ path, text }) => {
      const names = [...withoutComments(text).matchAll(/ from '(\.[^']+)'/g)].map(([, name = '']) => posix.join(posix.dirname(path), name))
      return [path, names] as const
    }),
  )
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' -> '))
    if (done.has(path)) return
    done.add(path)
    for (const next of imports.get(path) ?? []) visit(next, [...way, path])
  }
  for (const path of imports.keys()) visit(path, [])
  expect(circles).toEqual([])
})

test('every file says what it owns', () => {
  expect(breaking(product, ({ text }) => !text.startsWith('/**'))).toEqual([])
})

test('no test is skipped, focused or left for later', () => {
  const marks = /\b(test|it|describe)\.(skip|only|todo|fails|skipIf|runIf)\b|\bretry:/
  expect(breaking(sources, ({ path, text }) => path.endsWith('.test.ts') && path !== 'test/house.test.ts' && marks.test(text))).toEqual([])
})

test('nothing is cast away', () => {
  expect(breaking(product, ({ text }) => /\bas any\b|@ts-ignore|@ts-expect-error/.test(text))).toEqual([])
})

test('no default exports of classes called Manager, Service, Helper or Util', () => {
  expect(breaking(sources, ({ text }) => /class \w*(Manager|Service|Helper|Util)s?\b/.test(text))).toEqual([])
})

test('no path of a machine and no registry in what is committed', () => {
  const all = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8', cwd: root }).split('\n')
  const texts = all
    .filter((path) => path !== '' && path !== 'test/house.test.ts')
    .map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }))
  expect(breaking(texts, ({ text }) => /\/work\/|\/root\/|registry\.npm/.test(text))).toEqual([])
})

test('every dependency has a line on why', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  const why = readFileSync(new URL('docs/decisions/0002-dependencies.md', root), 'utf8')
  const names = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !name.startsWith('@types/'))
  expect(names.filter((name) => !why.includes(name))).toEqual([])
})
