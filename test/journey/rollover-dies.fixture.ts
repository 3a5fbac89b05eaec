/**
 * A process that works on a rollover and is killed by the kernel (SIGKILL) at the end of a named step: all of it is done, and
 * the row does not say so yet. Argument: JSON; the last line it prints says where the run stands, if it lives that long.
 */
import { openInstance } from '../../bench/rollover-instance.ts'
import type { KeyPointer } from '../../functions/keys/pointer.ts'
import type { Step } from '../../functions/keys/run.ts'
import type { Rows } from '../../functions/store/rows.ts'

export interface Work {
  aheadMs: number
  begin: boolean
  diesIn?: Step
  /** No agent answers, and it is not waited until that is certain. */
  unproved?: boolean
}

const { aheadMs, begin, diesIn, unproved }: Work = JSON.parse(process.argv[2] ?? '')

const mortal = (rows: Rows): Rows => {
  let before: Step | undefined
  return {
    ...rows,
    replace(table, partitionKey, rowKey, value, etag) {
      const step = (value as Partial<KeyPointer>).run?.step
      if (before === diesIn && before !== undefined && step !== undefined && step !== before) process.kill(process.pid, 'SIGKILL')
      before = step
      return rows.replace(table, partitionKey, rowKey, value, etag)
    },
  }
}

const { rollover, close } = openInstance({ functionsEnvironment: process.env as Record<string, string> }, aheadMs, {
  around: mortal,
  ...(unproved && { onboard: async () => undefined }),
})
if (begin) await rollover.begin({ why: 'byHand', reason: 'a test', by: 'a test' })
const run = await rollover.drive()
process.stdout.write(`${JSON.stringify({ step: run?.step })}\n`)
await close()
process.exit()
