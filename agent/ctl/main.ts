/**
 * `agentctl`: what an administrator runs by hand beside the agent. The entry and the one catch; the table is agentctl.ts.
 *
 * Exit codes: 0 all right; 1 failed, or something wrong was found; 64 wrong usage. The service never loads any of this.
 */
import { agentctl } from './agentctl.ts'
import { explain } from './explain.ts'
import { exitCodes, type Io, UsageError } from './program.ts'

const io: Io = {
  print: (text) => void process.stdout.write(`${text}\n`),
  complain: (text) => void process.stderr.write(`${text}\n`),
  colour: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
}

function report(error: unknown): number {
  io.complain(error instanceof UsageError ? error.message : `Failed: ${explain(error)}`)
  return error instanceof UsageError ? exitCodes.usage : exitCodes.failed
}

// What ships is CommonJS, which has no top-level await. Should nothing be left that could wake `main`, that is a failure.
process.exitCode = exitCodes.failed
void agentctl(process.argv.slice(2), io)
  .catch(report)
  .then((code) => {
    process.exitCode = code
  })
