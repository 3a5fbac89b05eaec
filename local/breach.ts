/**
 * The stand-in for a range service of breached passwords: GET /range/{five hex digits}, as the one of Have I Been Pwned answers.
 *
 * Refuses what that refuses (another length of prefix: 400; no user agent: 403), and pads an answer where it is asked to.
 * `control.asked()` is every path that anybody asked for, so that a test sees what left.
 */
import { createHash, randomBytes } from 'node:crypto'
import { listen, type WebAnswer, type WebRequest } from './web.ts'

export type BreachMood = 'well' | 'hangs' | 'fails' | 'nonsense' | 'moved' | 'endless'

export interface BreachOptions {
  passwords: readonly string[]
  /** What chance puts under a prefix as padding. */
  padding?: readonly string[]
  tls: { ca: string; cert: string; key: string }
}

const line = (suffix: string, count: number) => `${suffix}:${count}`
const anySuffix = () => randomBytes(18).toString('hex').toUpperCase().slice(1)

const sha1 = (text: string) => createHash('sha1').update(text).digest('hex').toUpperCase()

export async function startBreach({ passwords, padding = [], tls }: BreachOptions) {
  const [breached, chance] = [passwords.map(sha1), padding.map(sha1)]
  const asked: string[] = []
  let mood: BreachMood = 'well'

  function answer({ method, url, headers }: WebRequest): WebAnswer | 'hang' {
    asked.push(url.pathname + url.search)
    if (mood === 'hangs') return 'hang'
    if (mood === 'fails') return { status: 503 }
    if (mood === 'nonsense') return text(200, '<html>Sign in to the network</html>')
    if (mood === 'moved') return { status: 302, headers: { location: '/range/00000' } }
    if (mood === 'endless') return text(200, `${line(anySuffix(), 1)}\r\n`.repeat(20_000))
    if (headers['user-agent'] === undefined) return text(403, 'Request requires a user agent')
    const [, prefix] = /^\/range\/([0-9A-Fa-f]{5})$/.exec(url.pathname) ?? []
    if (method !== 'GET' || prefix === undefined) return text(400, 'The hash prefix was not in a valid format')
    return text(200, range(prefix.toUpperCase(), headers['add-padding'] === 'true').join('\r\n'))
  }

  /** Some others are under every prefix. */
  function range(prefix: string, padded: boolean): string[] {
    const under = (hashes: string[]) => hashes.flatMap((hash) => (hash.startsWith(prefix) ? hash.slice(5) : []))
    const found = under(breached).map((suffix) => line(suffix, 3))
    const others = Array.from({ length: 20 }, () => line(anySuffix(), 2))
    const more = padded ? [...under(chance), ...Array.from({ length: 800 }, anySuffix)].map((suffix) => line(suffix, 0)) : []
    return [...found, ...others, ...more].sort()
  }

  const listener = await listen(async (request) => answer(request), { tls })
  return {
    addresses: { url: `https://127.0.0.1:${listener.port}` },
    control: {
      asked: () => [...asked],
      /** Forgets what was asked. */
      feel(as: BreachMood): undefined {
        mood = as
        asked.splice(0)
      },
    },
    close: () => listener.close(),
  }
}

const text = (status: number, body: string): WebAnswer => ({ status, headers: { 'content-type': 'text/plain' }, body })
