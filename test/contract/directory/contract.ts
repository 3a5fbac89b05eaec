/**
 * One contract for every directory the agent may meet: what `local/directory` does, and what Samba does, must be the same
 * wherever the product relies on it. windows.test.ts lists where Windows is documented to do otherwise.
 */
import { afterAll, beforeAll, describe } from 'vitest'
import { agentContract } from './agent.ts'
import { type Bench, makeBench, type Subject } from './bench.ts'
import { bindContract } from './binds.ts'
import { changeContract } from './changes.ts'
import { descriptorContract } from './descriptors.ts'
import { doctorContract } from './doctor.ts'
import { grantContract } from './grants.ts'
import { outcomeContract } from './outcomes.ts'
import { readingContract } from './reading.ts'
import { resetContract } from './resets.ts'
import { rightsContract } from './rights.ts'
import { scopeContract } from './scope.ts'

/** The first start of Samba provisions its forest. */
const startsWithinMs = 120_000

const parts: Readonly<Record<string, (bench: Bench) => void>> = {
  bind: bindContract,
  reset: resetContract,
  change: changeContract,
  rights: rightsContract,
  reading: readingContract,
  descriptors: descriptorContract,
  'agent/directory': agentContract,
  'agent/directory, refused': outcomeContract,
  'agentctl grant': grantContract,
  'agentctl doctor': doctorContract,
  'agentctl scope': scopeContract,
}

/** `more`: what is true of this server alone. */
export function directoryContract(name: string, start: () => Promise<Subject>, more: typeof parts = {}): void {
  describe(name, () => {
    const bench = makeBench(start)
    beforeAll(() => bench.start(), startsWithinMs)
    afterAll(() => bench.close())
    for (const [title, part] of Object.entries({ ...parts, ...more })) describe(title, () => part(bench))
  })
}
