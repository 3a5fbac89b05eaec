/** The program `npm run admin`: streams and the keyboard; all else is in run.ts. */
import { createInterface } from 'node:readline/promises'
import { systemClock } from '../../shared/clock.ts'
import type { Io } from './command.ts'
import { run } from './run.ts'

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
process.exitCode = await run(process.argv.slice(2), process.env, io, systemClock)
