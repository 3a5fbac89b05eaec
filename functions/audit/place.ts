/**
 * Where an entry of the audit stands: row keys that sort the newest first, and a partition for each day (UTC).
 *
 * Administrators' entries lie in one partition, for there are few; people's steps by day, so that an old day can be removed.
 * A key counts down from the last moment a Date can hold; the same form in both, so that one place leads on in both.
 */
import { randomBytes } from 'node:crypto'

export const auditTable = 'audit'
export const administrators = 'administrators'
export const dayMs = 24 * 3_600_000

const latestMs = 8.64e15
const keyAt = (at: number, suffix: string) => `${String(latestMs - at).padStart(16, '0')}-${suffix}`

export const newPlace = (at: number) => keyAt(at, randomBytes(8).toString('base64url'))
/** Before every entry of this moment, in the order of reading: `-` sorts first. */
export const placeAt = (at: number) => keyAt(at, '-'.repeat(11))
export const isPlace = (text: string) => /^\d{16}-[\w-]{11}$/.test(text)
export const timeOf = (place: string) => latestMs - Number(place.slice(0, 16))

export const dayStart = (at: number) => Math.floor(at / dayMs) * dayMs
export const dayPartition = (at: number) => `day-${new Date(at).toISOString().slice(0, 10)}`
