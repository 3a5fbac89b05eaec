/**
 * What ships: the function app as a folder to be zipped, the agent and agentctl as one file each. None needs node_modules.
 *
 * CommonJS, because the language worker registers no function from an ESM bundle (its dependencies `require` by themselves);
 * `@azure/functions-core` is the worker's own and exists nowhere else. Not minified: a stack trace must be readable.
 * The same sources under the same lockfile give the same bytes, wherever they lie.
 */
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'

export interface Shipped {
  /** A folder as `func start` and the zip deployment take it. */
  functionsPackage: string
  /** One file, for `node agent.cjs`. */
  agent: string
  /** One file, for `node agentctl.cjs`; the agent never loads it. */
  agentctl: string
  bundles: Bundle[]
}

export interface Bundle {
  /** Relative to the output folder. */
  file: string
  bytes: number
  /** Bytes by origin: a package's name, or `ownCode`. */
  origins: Record<string, number>
}

export const ownCode = 'own code'

const root = fileURLToPath(new URL('..', import.meta.url))
const entries = { functions: 'functions/main.ts', agent: 'agent/main.ts', agentctl: 'agent/ctl/main.ts' } as const

/** Of package.json only the version is anybody's business: the rest names what tests and builds it. */
const versionAlone: Plugin = {
  name: 'version-alone',
  setup({ onLoad }) {
    onLoad({ filter: /package\.json$/ }, async ({ path }) => {
      if (path !== join(root, 'package.json')) return undefined
      return { contents: JSON.stringify({ version: await version() }), loader: 'json' }
    })
  },
}

/** The function app has no file beside it: what the page is stands inside. */
const pageInside: Plugin = {
  name: 'page-inside',
  setup({ onLoad }) {
    onLoad({ filter: /pages[/\\]html\.ts$/ }, async ({ path }) => {
      const html = await readFile(join(dirname(path), 'reset.html'), 'utf8')
      return { contents: `export const resetHtml = ${JSON.stringify(html)}`, loader: 'js' }
    })
  },
}

const options = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  external: ['@azure/functions-core'],
  // SDKs tell errors and credentials apart by the names of their classes (rhea-promise isAmqpError, storage-common).
  keepNames: true,
  legalComments: 'external',
  metafile: true,
  logLevel: 'warning',
  plugins: [versionAlone, pageInside],
} as const satisfies BuildOptions

/** Writes all into `folder` (made if missing). */
export async function bundle(folder: string): Promise<Shipped> {
  const functionsPackage = join(folder, 'functions-package')
  // Everything that lies in this folder is deployed, so nothing of an earlier build may.
  await rm(functionsPackage, { recursive: true, force: true })
  const bundles = await Promise.all([
    bundleOne(entries.functions, folder, 'functions-package/main.cjs'),
    bundleOne(entries.agent, folder, 'agent.cjs'),
    bundleOne(entries.agentctl, folder, 'agentctl.cjs'),
  ])
  await copyFile(join(root, 'host.json'), join(functionsPackage, 'host.json'))
  await writeFile(join(functionsPackage, 'package.json'), await manifest())
  return { functionsPackage, agent: join(folder, 'agent.cjs'), agentctl: join(folder, 'agentctl.cjs'), bundles }
}

async function bundleOne(entry: string, folder: string, file: string): Promise<Bundle> {
  const { metafile } = await build({ ...options, entryPoints: [entry], outfile: join(folder, file) })
  const output = Object.values(metafile.outputs).find(({ entryPoint }) => entryPoint === entry)
  if (!output) throw new Error(`esbuild wrote nothing for ${entry}`)
  return { file, bytes: output.bytes, origins: bytesByOrigin(output) }
}

function bytesByOrigin({ inputs }: Metafile['outputs'][string]): Record<string, number> {
  const origins: Record<string, number> = {}
  for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
    const origin = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? ownCode
    origins[origin] = (origins[origin] ?? 0) + bytesInOutput
  }
  return origins
}

/** No dependencies: a remote build has nothing to install. */
async function manifest(): Promise<string> {
  return `${JSON.stringify({ name: 'password-writeback-functions', version: await version(), private: true, main: 'main.cjs' }, null, 2)}\n`
}

async function version(): Promise<string> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).version
}
