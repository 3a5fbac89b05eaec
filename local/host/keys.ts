/**
 * Who may call what: the host's access keys.
 *
 * `x-functions-key` or `?code=`; the header wins. `anonymous` needs none, `function` any key, `admin` the master key,
 * which opens everything (learn.microsoft.com/azure/azure-functions/function-keys-how-to). A key that is missing, wrong
 * or too small is 401 either way.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface Keys {
  master: string
  function: string
}

export type AuthLevel = 'anonymous' | 'function' | 'admin'

const digest = (text: string) => createHash('sha256').update(text).digest()
const same = (a: string, b: string) => timingSafeEqual(digest(a), digest(b))

export function mayCall(level: AuthLevel, keys: Keys, request: IncomingMessage, query: URLSearchParams): boolean {
  if (level === 'anonymous') return true
  const header = request.headers['x-functions-key']
  const given = typeof header === 'string' ? header : query.get('code')
  if (given === null || given === '') return false
  return same(given, keys.master) || (level === 'function' && same(given, keys.function))
}
