/**
 * People's authenticator apps as rows: one that counts, and one that is being registered and does not count yet.
 *
 * The secret is in the row alone, encrypted for its person and place (store/contents.ts). No code is taken twice: the step is
 * kept by a conditional write before the code is told right. A wrong one is counted before it is told wrong, and after ten
 * in a day none is right until the day is over: with three codes in a million good at a time, whoever has the first gate
 * guesses one in 33,000 days. Until then the owner's are not right either: the price of that, asked of who passed the first.
 */
import type { Clock } from '../../shared/clock.ts'
import { isFault } from '../../shared/fault.ts'
import type { Row, Rows } from '../store/rows.ts'
import { newTotpSecret, totpStep } from './totp.ts'

export interface Authenticator {
  /** Base64. */
  secret: string
  /** When it was confirmed; while it is being registered, when that began. ms since the epoch. */
  since: number
  /** RFC 6238's T of the last code that was taken. */
  lastStep: number
  wrong: { count: number; since: number }
}

/** Confirming means showing that the app works: within a quarter of an hour, and with some tries. */
export const confirmWithinMs = 15 * 60_000
const maxConfirmTries = 5
export const maxWrong = 10
const wrongForMs = 24 * 3_600_000

export interface Authenticators {
  /** A secret that does not count yet; an earlier one that was not confirmed is gone. */
  begin(personId: string): Promise<Buffer>
  /** `none`: nothing waits for a code. */
  confirm(personId: string, code: string): Promise<'confirmed' | 'wrong' | 'none'>
  /** When the one that counts was confirmed. */
  registeredAt(personId: string): Promise<number | undefined>
  /** Whether there was one. */
  remove(personId: string): Promise<boolean>
  /** Takes a code, once. False for whoever has none registered. STORE_CONFLICT: too many came at once, and nothing is told. */
  take(personId: string, code: string): Promise<boolean>
}

const table = 'methods'
type Name = 'totp' | 'totp-pending'

export function openAuthenticators({ rows, clock }: { rows: Rows; clock: Clock }): Authenticators {
  const read = (personId: string, name: Name) => rows.read<Authenticator>(table, personId, name)
  /** Where the code belongs, by the row as it is; with the try counted if nowhere. */
  const judged = async (personId: string, name: Name, { value, etag }: Row<Authenticator>, code: string) => {
    const { count, since } = value.wrong
    const isOver = clock.now() - since >= wrongForMs
    if (!isOver && count >= maxWrong) return undefined
    const found = totpStep(Buffer.from(value.secret, 'base64'), code, clock.now(), value.lastStep)
    if (found !== undefined) return found
    const wrong = isOver ? { count: 1, since: clock.now() } : { count: count + 1, since }
    await rows.replace<Authenticator>(table, personId, name, { ...value, wrong }, etag)
    return undefined
  }
  /** A code that lost the write to another is judged, and counted, by the row as it is then. */
  async function tried<T>(attempt: () => Promise<T>): Promise<T> {
    for (let left = 5; ; left -= 1) {
      try {
        return await attempt()
      } catch (error) {
        if (left === 0 || !isFault(error, 'STORE_CONFLICT')) throw error
      }
    }
  }
  return {
    async begin(personId) {
      const secret = newTotpSecret()
      const pending = { secret: secret.toString('base64'), since: clock.now(), lastStep: 0, wrong: { count: 0, since: clock.now() } }
      await rows.put<Authenticator>(table, personId, 'totp-pending', pending)
      return secret
    },
    async confirm(personId, code) {
      return tried(async () => {
        const pending = await read(personId, 'totp-pending')
        const open = pending && clock.now() < pending.value.since + confirmWithinMs && pending.value.wrong.count < maxConfirmTries
        if (!open) return 'none'
        const step = await judged(personId, 'totp-pending', pending, code)
        if (step === undefined) return 'wrong'
        const now = { since: clock.now(), lastStep: step, wrong: { count: 0, since: clock.now() } }
        await rows.put<Authenticator>(table, personId, 'totp', { ...pending.value, ...now })
        await rows.remove(table, personId, 'totp-pending')
        return 'confirmed'
      })
    },
    registeredAt: async (personId) => (await read(personId, 'totp'))?.value.since,
    async remove(personId) {
      const there = await read(personId, 'totp')
      await rows.remove(table, personId, 'totp-pending')
      await rows.remove(table, personId, 'totp')
      return there !== undefined
    },
    async take(personId, code) {
      return tried(async () => {
        const row = await read(personId, 'totp')
        const step = row && (await judged(personId, 'totp', row, code))
        if (!row || step === undefined) return false
        const next = { ...row.value, lastStep: step, wrong: { count: 0, since: clock.now() } }
        await rows.replace<Authenticator>(table, personId, 'totp', next, row.etag)
        return true
      })
    },
  }
}
