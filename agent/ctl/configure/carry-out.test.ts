import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { virtualClock } from '../../../test/virtual-clock.ts'
import { carryOut } from './carry-out.ts'
import type { Draft } from './draft.ts'
import { save } from './save.ts'

test('a certificate in place of a client secret: as long as it is not made and registered, the secret is what the settings name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'carry-out-'))
  try {
    const file = join(folder, 'agent.json')
    const secretFile = join(folder, 'secret')
    await writeFile(secretFile, 'x', { mode: 0o600 })
    const before = { identity: { clientId: 'a', secretFile } }
    await save({ file, found: undefined, settings: before, secrets: new Map(), now: 0 })
    const identity = async () => JSON.parse(await readFile(file, 'utf8')).identity
    const draft: Draft = {
      settings: { identity: { clientId: 'b', certificateFile: join(folder, 'certificate.pem') } },
      forestsThere: [],
      passwords: new Map(),
      writeback: 'asItIs',
      reason: '',
      administrator: {},
      register: false,
    }
    const seen: unknown[] = []
    const result = await carryOut(draft, {
      tell: { note: () => {}, step: () => {}, lines: () => {} },
      clock: virtualClock(),
      colour: false,
      file,
      folder,
      found: await readFile(file, 'utf8'),
      environment: {},
      async makeCredential(_, certificate) {
        seen.push(certificate, await identity())
        return false
      },
      goOn: async () => false,
    })
    expect(seen).toEqual([join(folder, 'certificate.pem'), { clientId: 'b', secretFile }])
    expect(result).toMatchObject({ written: true, writeback: 'notReached' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
