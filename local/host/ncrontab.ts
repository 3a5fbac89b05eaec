/**
 * NCRONTAB with six fields, `second minute hour day month day-of-week`, in UTC.
 *
 * Each field is `*`, a number, a range `a-b`, a step `/n` on either, or a list of these; months and weekdays may be
 * three-letter names. Unlike cron, day of month AND day of week must match (github.com/atifaziz/NCrontab).
 */

interface Field {
  name: string
  least: number
  most: number
  names?: readonly string[]
}

const fields: readonly [Field, Field, Field, Field, Field, Field] = [
  { name: 'second', least: 0, most: 59 },
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] },
  { name: 'day of week', least: 0, most: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
]

function number(text: string, { name, least, most, names }: Field): number {
  const named = names?.indexOf(text.toLowerCase()) ?? -1
  const value = named === -1 ? Number(text) : named + least
  if (text === '' || !Number.isInteger(value) || value < least || value > most) {
    throw new Error(`'${text}' is no ${name} (${least} to ${most}).`)
  }
  return value
}

function parsePart(text: string, field: Field): number[] {
  const [range = '', step] = text.split('/')
  const [from = '', to] = range.split('-')
  const first = range === '*' ? field.least : number(from, field)
  // A step without a range end runs to the field's end: `5/15` is 5, 20, 35, 50.
  const last = range === '*' || (to === undefined && step !== undefined) ? field.most : number(to ?? from, field)
  const every = step === undefined ? 1 : Number(step)
  if (!Number.isInteger(every) || every < 1 || last < first) throw new Error(`'${text}' is no ${field.name}.`)
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => first + i * every)
}

export type Schedule = readonly Set<number>[]

export function parseSchedule(expression: string): Schedule {
  const parts = expression.trim().split(/\s+/)
  if (parts.length !== 6) throw new Error(`The schedule '${expression}' has ${parts.length} fields; NCRONTAB as the host takes it has six.`)
  return fields.map((field, index) => new Set((parts[index] ?? '').split(',').flatMap((part) => parsePart(part, field))))
}

const dayMs = 86_400_000

/** The first instant after `afterMs` that fits, in ms since the epoch; undefined when there is none in five years (30 February). */
export function nextOccurrence(schedule: Schedule, afterMs: number): number | undefined {
  const [seconds = new Set(), minutes = new Set(), hours = new Set(), days = new Set(), months = new Set(), weekdays = new Set()] = schedule
  const start = Math.floor(afterMs / 1000) * 1000 + 1000
  for (let midnight = Math.floor(start / dayMs) * dayMs; midnight < start + 5 * 366 * dayMs; midnight += dayMs) {
    const date = new Date(midnight)
    if (!days.has(date.getUTCDate()) || !months.has(date.getUTCMonth() + 1) || !weekdays.has(date.getUTCDay())) continue
    for (const hour of [...hours].sort((a, b) => a - b)) {
      if (midnight + (hour + 1) * 3_600_000 <= start) continue
      for (const minute of [...minutes].sort((a, b) => a - b)) {
        for (const second of [...seconds].sort((a, b) => a - b)) {
          const at = midnight + ((hour * 60 + minute) * 60 + second) * 1000
          if (at >= start) return at
        }
      }
    }
  }
  return undefined
}
