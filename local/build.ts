/**
 * `npm run build`: what ships, into dist/, and a table of what it weighs.
 *
 * Exit codes: 0 built; 1 failed; 64 wrong usage.
 */
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Bundle, bundle, ownCode } from './bundle.ts'

const usage = `npm run build -- [options]

  --out FOLDER   where to (default dist)
  --help         this text

  functions-package/   the function app: deploy this folder (no node_modules, nothing to install)
  agent.cjs            the agent: node agent.cjs --settings FILE
  agentctl.cjs         what an administrator runs by hand: node agentctl.cjs --help

The *.LEGAL.txt files hold the licence comments of what is bundled and belong with it.
`

const packagesShown = 9
const inKib = (bytes: number) => (bytes === 0 ? '-' : (bytes / 1024).toFixed(0))
const print = (line: string) => void process.stdout.write(`${line}\n`)
process.exitCode = await main()

async function main(): Promise<number> {
  const choice = readArguments()
  if (choice === undefined || choice.help) {
    print(usage)
    return choice === undefined ? 64 : 0
  }
  try {
    const { functionsPackage, agent, agentctl, bundles } = await bundle(choice.out)
    for (const path of [functionsPackage, agent, agentctl]) print(relative(process.cwd(), path))
    print(`\n${table(bundles)}`)
    return 0
  } catch (error) {
    print(`Failed: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

function readArguments(): { help: boolean; out: string } | undefined {
  try {
    const { values } = parseArgs({ options: { out: { type: 'string' }, help: { type: 'boolean' } } })
    const out = values.out === undefined ? fileURLToPath(new URL('../dist', import.meta.url)) : resolve(values.out)
    return { help: values.help ?? false, out }
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n`)
    return undefined
  }
}

/** KiB by origin, one column a bundle: our own code, then the heaviest packages; what is small is summed up. */
function table(bundles: readonly Bundle[]): string {
  const heaviest = (origin: string) => Math.max(...bundles.map(({ origins }) => origins[origin] ?? 0))
  const packages = [...new Set(bundles.flatMap(({ origins }) => Object.keys(origins)))].filter((origin) => origin !== ownCode)
  packages.sort((a, b) => heaviest(b) - heaviest(a))
  const [shown, others] = [packages.slice(0, packagesShown), packages.slice(packagesShown)]
  const kib = (of: readonly string[]) =>
    bundles.map(({ origins }) => inKib(of.reduce((bytes, origin) => bytes + (origins[origin] ?? 0), 0)))
  const rows = [
    ['KiB', ...bundles.map(({ file }) => file)],
    [ownCode, ...kib([ownCode])],
    ...shown.map((origin) => [origin, ...kib([origin])]),
    [`${others.length} others`, ...kib(others)],
    ['all', ...bundles.map(({ bytes }) => inKib(bytes))],
  ]
  return rows.map(([title = '', ...cells]) => title.padEnd(28) + cells.map((cell) => cell.padStart(28)).join('')).join('\n')
}
