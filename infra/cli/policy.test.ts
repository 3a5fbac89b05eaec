import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ManageAnswer } from '../../shared/manage.ts'
import { virtualClock } from '../../test/virtual-clock.ts'
import { type Given, UsageError } from './command.ts'
import { policy } from './policy.ts'

const stored = { gates: 1, offered: ['mailCode', 'totp'], eligibleGroup: null, bannedWords: [], breachCheck: false, auditDays: 180 }

async function given(
  args: string[],
  over: Partial<Given> = {},
  put = { status: 200, body: { ...stored, gates: 2 } as ManageAnswer['body'] },
) {
  const asked: unknown[][] = []
  const printed: string[] = []
  const call: Given['manage']['call'] = async (...request) => {
    asked.push(request)
    return request[0] === 'GET' ? { status: 200, body: { ...stored, revision: 4, since: 0 } } : put
  }
  const io = { print: (text: string) => void printed.push(text), tell: () => {} }
  const plain = { reason: 'because', override: false, yes: false, json: false, wait: true, before: undefined, head: undefined }
  const code = await policy.run({ manage: { call }, io, clock: virtualClock(), args, ...plain, ...over } as Given)
  return { code, asked, printed: printed.join('\n') }
}

describe('policy', () => {
  it('shows it', async () => {
    const { code, asked, printed } = await given([])
    expect([code, asked]).toEqual([0, [['GET', 'policy']]])
    expect(printed).toMatch(/gates +1\noffered +mailCode, totp\neligibleGroup +none\nbannedWords +none\nbreachCheck +off\nauditDays +180/)
  })

  it('changes what is named, and sends the rest as it was read, with its revision', async () => {
    const { asked, code } = await given(['gates=2', 'bannedWords=contoso, tower', 'breachCheck=on', 'eligibleGroup=none', 'auditDays=30'])
    const sent = {
      ...stored,
      gates: 2,
      bannedWords: ['contoso', 'tower'],
      breachCheck: true,
      auditDays: 30,
      revision: 4,
      reason: 'because',
    }
    expect([code, asked]).toEqual([
      0,
      [
        ['GET', 'policy'],
        ['PUT', 'policy', sent],
      ],
    ])
  })

  it('reads the words from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'policy-'))
    writeFileSync(join(folder, 'words'), 'contoso\r\ntower\n\n')
    expect((await given([`bannedWords=@${join(folder, 'words')}`])).asked[1]?.[2]).toMatchObject({ bannedWords: ['contoso', 'tower'] })
    await rm(folder, { recursive: true })
  })

  it.each([['gates'], ['gates=3'], ['toString=1'], ['breachCheck=yes'], ['auditDays=-1'], ['bannedWords=@/nowhere']])(
    'asks nothing of the API for %s',
    async (arg) => {
      await expect(given([arg])).rejects.toThrow(UsageError)
    },
  )

  it('needs a reason to change something, and says when it was refused', async () => {
    await expect(given(['gates=2'], { reason: ' ' })).rejects.toThrow(UsageError)
    expect((await given(['gates=2'], {}, { status: 409, body: { title: 'overtaken', code: 'conflict' } })).code).toBe(1)
  })
})
