/** `npm run chaos`: a run of the whole system under faults, and the judgement. Exit code 1 for a broken promise, 64 for wrong usage. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { wrongDecisions } from '../wrong-decisions.ts'
import { faultsOn } from './faults.ts'
import type { History } from './history.ts'
import { plantVariable } from './orders.ts'
import { type ChaosOptions, chaos } from './run.ts'
import { timeline, whyUnknown } from './timeline.ts'

const usage = `npm run chaos -- [options]

  --seed N         which faults, people and pauses; by chance if absent, and printed
  --resets M       how many passwords are submitted (default 200)
  --agents K       how many agents (1 to 4, default 3)
  --faults LIST    all (default), or names with commas between them
  --at-once F      faults at a time (1 to 4, default 2); with 1 no two meet the same request
  --every S        instead: a fault every S seconds for a minute, under as much load as four people make
  --directory D    embedded (default) or samba
  --others SHARE   of the people have their password set by somebody else meanwhile (default 0.02)
  --plant NAME     agents that decide wrongly: the run must find it
  --json           progress to standard error; the last line is one JSON object

Faults: ${Object.keys(faultsOn('embedded')).join(', ')}
Plants: ${Object.keys(wrongDecisions).join(', ')}
`

/** How long what was closed may take to be gone. */
const lingerMs = 10_000

process.exitCode = await main()
// The verdict is out. What a fault has left open in this process is named, and keeps nobody waiting (seen once: 45 minutes).
setTimeout(() => {
  process.stderr.write(`still open: ${process.getActiveResourcesInfo().join(', ')}\n`)
  process.exit()
}, lingerMs).unref()

async function main(): Promise<number> {
  const options = readArguments()
  if (options === undefined) {
    process.stdout.write(usage)
    return 64
  }
  const { json, plant, ...rest } = options
  const out = json ? process.stderr : process.stdout
  const progress = (line: string) => void out.write(`${line}\n`)
  if (plant !== undefined) process.env[plantVariable] = plant
  progress(`chaos: seed ${options.seed}`)
  const folder = await mkdtemp(join(tmpdir(), 'password-writeback-chaos-'))
  const result = await chaos({ ...rest, folder, progress })
  const { violations, unknown, unknownUnexplained, fired, slowestAnswerMs, history } = result
  for (const violation of violations.slice(0, 5)) progress(timeline(violation, history))
  for (const request of unknown) progress(whyUnknown(request, history))
  if (violations.length === 0) await rm(folder, { recursive: true, force: true })
  else progress(`logs: ${join(folder, 'logs')}`)
  const summary = {
    seed: options.seed,
    violations: violations.length,
    requests: history.requests.length,
    changed: history.requests.filter(({ told }) => told.some(({ effect }) => effect === 'changed')).length,
    answers: answersOf(history),
    unknown: unknown.length,
    unknownUnexplained: unknownUnexplained.length,
    slowestAnswerMs,
    faults: fired,
  }
  process.stdout.write(`${json ? JSON.stringify(summary) : JSON.stringify(summary, null, 2)}\n`)
  return violations.length > 0 ? 1 : 0
}

/** How often which word was the answer to a submit. */
function answersOf({ requests }: History): Record<string, number> {
  const codes = requests.flatMap(({ told }) => told.filter(({ by }) => by === 'answer').map(({ code }) => code))
  return Object.fromEntries([...new Set(codes)].toSorted().map((code) => [code, codes.filter((each) => each === code).length]))
}

type Choice = Omit<ChaosOptions, 'folder' | 'progress'> & { json: boolean; plant?: string }

function readArguments(): Choice | undefined {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: 'string' },
        resets: { type: 'string', default: '200' },
        agents: { type: 'string', default: '3' },
        faults: { type: 'string', default: 'all' },
        'at-once': { type: 'string', default: '2' },
        every: { type: 'string' },
        directory: { type: 'string', default: 'embedded' },
        others: { type: 'string', default: '0.02' },
        plant: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    const { directory, json, plant } = values
    const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
    const [resets, agents, atOnce] = [Number(values.resets), Number(values.agents), Number(values['at-once'])]
    const faults = values.faults === 'all' ? undefined : values.faults.split(',')
    const everyMs = values.every === undefined ? undefined : Number(values.every) * 1_000
    if (everyMs !== undefined && !(everyMs > 0)) return undefined
    if (directory !== 'embedded' && directory !== 'samba') return undefined
    if (values.help || !Number.isSafeInteger(seed) || !(resets >= 1) || !(agents >= 1 && agents <= 4)) return undefined
    if (!Number.isSafeInteger(atOnce) || !(atOnce >= 1 && atOnce <= 4)) return undefined
    if (faults?.some((name) => !Object.hasOwn(faultsOn(directory), name))) return undefined
    const othersShare = Number(values.others)
    if (!(othersShare >= 0 && othersShare <= 1)) return undefined
    if (plant !== undefined && !Object.hasOwn(wrongDecisions, plant)) return undefined
    return {
      seed,
      resets,
      agents,
      atOnce,
      directory,
      othersShare,
      json,
      ...(faults && { faults }),
      ...(everyMs !== undefined && { everyMs }),
      ...(plant !== undefined && { plant }),
    }
  } catch {
    return undefined
  }
}
