/** `npm run model`: the search with limits of one's own. The last line is the number of states; exit code 1 for a broken promise. */
import { parseArgs } from 'node:util'
import { search } from './search.ts'

const usage = `npm run model -- [--agents 1|2] [--faults N] [--others N]

  Every order of events around one request. Defaults: two agents, one fault, nobody else (some 600,000 states, 25 s).
  --agents 2 --faults 1 --others 1 is the whole: minutes, and gigabytes of memory.
`

process.exitCode = main()

function main(): number {
  const limits = readArguments()
  if (limits === undefined) {
    process.stdout.write(usage)
    return 64
  }
  const { states, violation } = search(limits)
  if (violation) process.stdout.write(`BROKEN: ${violation.promise}\n  ${violation.trace.join('\n  ')}\n`)
  process.stdout.write(`${states} states\n`)
  return violation ? 1 : 0
}

function readArguments() {
  try {
    const options = {
      agents: { type: 'string', default: '2' },
      faults: { type: 'string', default: '1' },
      others: { type: 'string', default: '0' },
    } as const
    const { values } = parseArgs({ options })
    const limits = { agents: Number(values.agents), faults: Number(values.faults), others: Number(values.others) }
    const good =
      [1, 2].includes(limits.agents) && [limits.faults, limits.others].every((count) => Number.isSafeInteger(count) && count >= 0)
    return good ? limits : undefined
  } catch {
    return undefined
  }
}
