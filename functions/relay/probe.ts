/**
 * The two messages about no person: `onboard` asks whether some agent has certain key versions, before anything else is sealed
 * under them; `offboard` says that the feature was switched off. Each is one request and, if anybody is there, one reply.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../shared/clock.ts'
import type { Request } from '../../shared/payload.ts'
import { messageIdOf, newId, probeProof, sealField, sealRequest } from '../../shared/seal.ts'
import type { Times } from '../../shared/times.ts'
import type { Keys, SealingKeys } from '../keys/keys.ts'
import type { Ask, Sealed } from './ask.ts'

export interface Probe {
  /** The id of the agent that opened a probe under these versions and proved it; undefined: none within ten seconds. */
  onboard(named: { packageKey: string; passwordKey: string }): Promise<string | undefined>
  /** Whether anybody answered. */
  offboard(): Promise<boolean>
}

export interface ProbeDeps {
  tenantId: Buffer
  times: Pick<Times, 'startWithinMs'>
  keys: Pick<Keys, 'sealing' | 'pair'>
  inquire: Ask['inquire']
  clock: Clock
}

const answersWithinMs = { onboard: 10_000, offboard: 5_000 } as const

export function createProbe({ tenantId, times, keys, inquire, clock }: ProbeDeps): Probe {
  const about = () => ({ issuedAt: clock.now(), startWithinMs: times.startWithinMs, actor: 'admin', flags: 0 }) as const
  const sealed = (request: Request, { package: key }: SealingKeys, id: Buffer): Sealed => ({
    id,
    messageId: messageIdOf(id),
    body: sealRequest(request, key, tenantId, id),
    key,
  })
  return {
    async onboard(named) {
      const pair = await keys.pair(named)
      const id = newId()
      const probe = randomBytes(32)
      const blob = sealField(probe, 'probe', pair.password, id, '')
      const request = { ...about(), operation: 'onboard', passwordKey: Buffer.from(pair.password.version), probe: blob } as const
      const reply = await inquire(sealed(request, pair, id), answersWithinMs.onboard)
      if (reply?.outcome.kind !== 'done' || reply.proof === undefined) return undefined
      return timingSafeEqual(reply.proof, probeProof(pair.package, tenantId, id, probe)) ? reply.agentId.toString('hex') : undefined
    },
    async offboard() {
      const request = { ...about(), operation: 'offboard' } as const
      const reply = await inquire(sealed(request, await keys.sealing(), newId()), answersWithinMs.offboard)
      return reply !== undefined
    },
  }
}
