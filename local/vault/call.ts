/**
 * One authorized request as the operations on keys and secrets see it, and what they may answer.
 */
import type { z } from 'zod'
import type { Json } from '../stand-in.ts'
import { badParameter, type Refusal } from './refusals.ts'

export interface Call {
  /** `https://host:port` as the client addressed the vault; ids are made with it. */
  vaultUrl: string
  /** Empty where a request is about all objects. */
  name: string
  version: string | undefined
  query: URLSearchParams
  body: string
  nowS: number
}

export type Result = { kind: 'done'; body: Json } | Refusal
export type Operation = (call: Call) => Result | Promise<Result>

export const done = (body: Json): Result => ({ kind: 'done', body })

/** Reads the body against a schema; like the real service, unknown members are ignored. */
export function parseBody<T>(call: Call, schema: z.ZodType<T>): { kind: 'parsed'; value: T } | Refusal {
  let value: unknown
  try {
    value = JSON.parse(call.body)
  } catch {
    return badParameter('Request body not specified or is not JSON.')
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return { kind: 'parsed', value: parsed.data }
  return badParameter(`Property ${parsed.error.issues[0]?.path.join('.') ?? ''} has invalid value`)
}

const pageLimit = 25

/** A page of a list with the link to the next one, as the vault pages: at most 25 items, `$skiptoken` in the link. */
export function page(call: Call, path: string, items: Json[]): Result {
  const size = Number(call.query.get('maxresults') ?? pageLimit)
  if (!Number.isInteger(size) || size < 1 || size > pageLimit) return badParameter(`Maxresults must be 1 to ${pageLimit}.`)
  const from = Number(call.query.get('$skiptoken') ?? 0)
  const query = new URLSearchParams({
    'api-version': call.query.get('api-version') ?? '',
    $skiptoken: String(from + size),
    maxresults: String(size),
  })
  const nextLink = from + size < items.length ? `${call.vaultUrl}${path}?${query}` : null
  return done({ value: items.slice(from, from + size), nextLink })
}
