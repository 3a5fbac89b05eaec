/** The program `npm run infra`: streams, the keyboard and the az command; all else is in infra/tenant/ and, without az, infra/compiler/. */
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../shared/clock.ts'
import { compile } from '../compiler/compile.ts'
import { azProgram, spawnAz } from '../tenant/az.ts'
import { run } from '../tenant/run.ts'
import type { Io } from './command.ts'

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await lines.question(question)
  } finally {
    lines.close()
  }
}

const io: Io = {
  print: (text) => void process.stdout.write(`${text}\n`),
  tell: (text) => void process.stderr.write(`${text}\n`),
  ...(process.stdin.isTTY && { ask }),
}
const program = azProgram(process.env['PATH'] ?? process.env['Path'] ?? '')
const [name, ...rest] = process.argv.slice(2)
process.exitCode =
  name === 'compile'
    ? await compile(rest, io.print)
    : await run(process.argv.slice(2), {
        az: program && spawnAz(program, process.env),
        io,
        clock: systemClock,
        root: fileURLToPath(new URL('../..', import.meta.url)),
      })
