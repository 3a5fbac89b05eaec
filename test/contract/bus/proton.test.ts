/**
 * The bus against an independent client: what Apache Qpid Proton saw of it (proton.py), step by step.
 *
 * Expectations follow the AMQP protocol guide of Service Bus; what it leaves open (the answer to a release) is what the SDK relies on.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { plainQueue, rootRule, useBus } from '../../../local/bus/bus-fixture.ts'

/** Debian's own: the binding is a package of the system, not of the Python a developer may have on the path. */
const python = '/usr/bin/python3'
const installed = spawnSync(python, ['-c', 'import proton'], { stdio: 'ignore' }).status === 0
const howTo = 'apt-get install -y python3-qpid-proton'

const expected: Record<string, unknown> = {
  no_token: { condition: 'amqp:unauthorized-access' },
  wrong_key: { status: 401, description: expect.stringContaining('InvalidSignature'), condition: 'amqp:unauthorized-access' },
  put_token: { status: 202, description: 'Accepted' },
  missing_right: { status: 202, description: 'Accepted', send: 'amqp:unauthorized-access' },
  missing_queue: { status: 404, description: expect.stringContaining('could not be found') },
  send_and_receive: {
    sent: 'ACCEPTED',
    id: 'm1',
    correlation: 'c1',
    session: 's1',
    ttl: 26,
    bytes: [0, 255],
    k: 5,
    lock: plainQueue.lockMs,
    number: 1,
    outcome: 'ACCEPTED',
  },
  full_address: { body: 'by URI' },
  release_modify_reject: { counts: [0, 1, 2], outcomes: ['RELEASED', 'ACCEPTED', 'REJECTED'], seen: 'twice' },
  dead_letters: { id: 'poison', reason: 'bad', why: 'why', send: 'amqp:not-allowed' },
  too_many_deliveries: { reason: 'MaxDeliveryCountExceeded' },
  lock_runs_out: { counts: [0, 1], late: { outcome: 'REJECTED', condition: 'com.microsoft:message-lock-lost' } },
  time_to_live: { body: 'long-lived' },
  duplicates: { outcomes: ['ACCEPTED', 'ACCEPTED', 'ACCEPTED'], bodies: [1, 3] },
  drain: { credit: 0, early: 0, body: 'after' },
  peek: { status: 200, peeked: { body: 'p', count: 0 }, taken: { body: 'p', count: 0 }, nothing: 204 },
  sessions: { bodies: ['one', 'three'], granted: 'S1', rival: 'com.microsoft:session-cannot-be-locked', renewed: 200 },
  next_session: { session: 'S2', body: 'two', count: 0 },
  session_lock_lost: { condition: 'com.microsoft:session-lock-lost', count: 1 },
  session_rules: { without: 'amqp:not-allowed', unneeded: 'amqp:not-allowed', homeless: 'amqp:not-allowed' },
}

if (installed) {
  const { bus, clock } = await useBus(
    {
      plain: plainQueue,
      once: { ...plainQueue, duplicateDetectionMs: 600_000 },
      replies: { ...plainQueue, requiresSession: true },
    },
    { rules: [rootRule, { name: 'listener', keys: ['listener key'], claims: { plain: ['Listen'] } }] },
  )
  const steps = new Map<string, unknown>()

  /** Runs the script to its end, letting time pass when it asks for that; resolves with what it had to complain about. */
  async function run(child: ChildProcess): Promise<{ code: number | null; complaints: string }> {
    let complaints = ''
    child.stderr?.on('data', (chunk) => {
      complaints += chunk
    })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    if (!child.stdout) throw new Error('its output is piped')
    for await (const line of createInterface({ input: child.stdout })) {
      const { step, advance, ...seen } = JSON.parse(line)
      if (step !== undefined) steps.set(step, seen)
      if (advance === undefined) continue
      await clock.advance(advance)
      child.stdin?.write('\n')
    }
    return { code: await ended, complaints }
  }

  describe('Qpid Proton', () => {
    beforeAll(async () => {
      const script = fileURLToPath(new URL('proton.py', import.meta.url))
      expect(await run(spawn(python, [script, String(bus.addresses.tcp)], { stdio: 'pipe' }))).toEqual({ code: 0, complaints: '' })
    }, 120_000)

    it.each(Object.entries(expected))('%s', (step, result) => {
      expect(steps.get(step)).toEqual(result)
    })

    it('has no step that nobody looks at', () => {
      expect([...steps.keys()]).toEqual(Object.keys(expected))
    })
  })
} else {
  process.stderr.write(`\n*** NOT RUN: the bus against Qpid Proton. python3-qpid-proton is not installed (${howTo}). ***\n\n`)
  it('not run: python3-qpid-proton is not installed', () => {
    expect(process.env['CI'] ?? '', `in CI it has to be there: ${howTo}`).toBe('')
  })
}
