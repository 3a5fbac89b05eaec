/** `npm run bench -- agent`: what an agent costs a server: memory after 100 resets, processor time while idle, time to start. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { System } from '../local/what-runs.ts'
import { round } from './figures.ts'
import { extraUsersOf, passGates, submitDone } from './people.ts'

export interface AgentResult {
  rssMb: number
  resets: number
  idleCpuPercent: number
  idleSeconds: number
  startMs: number
}

/** Until then the last reset is not over: it is noted as told, V8 compiles and collects, and the pulse is that of a busy link. */
const calmSeconds = 35

/** Linux counts processor time in ticks of 10 ms (getconf CLK_TCK). */
const ticksPerSecond = 100

export async function agentBench(
  system: System,
  { resets, idleSeconds }: { resets: number; idleSeconds: number },
  progress: (line: string) => void,
): Promise<AgentResult> {
  const [agent] = system.agents
  if (!agent) throw new Error('no agent runs')
  const flows = await passGates(system, extraUsersOf(system).slice(0, resets))
  for (const flow of flows) await submitDone(system.url, flow, 'Fresh-Horse-Battery-1!')
  const rssMb = round((await residentKb(agent.pid)) / 1024, 1)
  progress(`${calmSeconds} s for what is left to do, then ${idleSeconds} s of doing nothing …`)
  await sleep(calmSeconds * 1000)
  const before = await cpuTicks(agent.pid)
  await sleep(idleSeconds * 1000)
  const busySeconds = ((await cpuTicks(agent.pid)) - before) / ticksPerSecond
  return {
    rssMb,
    resets,
    idleCpuPercent: round((busySeconds / idleSeconds) * 100, 3),
    idleSeconds,
    startMs: Math.round(await agent.startMs()),
  }
}

export const residentKb = async (pid: number): Promise<number> => (await memoryKb(pid)).resident

/** `file`: of `resident`, what is the program's own text and libraries, which the kernel maps in and out as it likes (proc(5)). */
export async function memoryKb(pid: number): Promise<{ resident: number; file: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN)
  return { resident: kb('VmRSS'), file: kb('RssFile') }
}

/** utime + stime: fields 14 and 15 of proc(5), counted after the name in brackets. */
async function cpuTicks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}
