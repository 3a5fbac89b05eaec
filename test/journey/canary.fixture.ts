/**
 * Looks for a secret in bytes, in every spelling it could have been written down in: as text of three encodings and escaped
 * for JSON, each of them bare, in hex, and in base64 and base64url at each of the three alignments; and escaped for a URL.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Where something was looked for, and the bytes found there. */
export interface Place {
  name: string
  bytes: Buffer
}

/** The characters that hold nothing but these bytes, when `before` bytes stand in front of them in the encoded whole. */
function base64At(bytes: Buffer, before: number): string {
  const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  const whole = Math.floor(((before + bytes.length) * 8) / 6)
  return encoded.slice(Math.ceil((before * 8) / 6), whole)
}

const asciiJson = (text: string) =>
  JSON.stringify(text)
    .slice(1, -1)
    .replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** Each as the bytes to look for, by the name of the spelling. */
export function spellings(secret: string): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>()
  const raw = {
    utf8: Buffer.from(secret),
    utf16le: Buffer.from(secret, 'utf16le'),
    utf16be: Buffer.from(secret, 'utf16le').swap16(),
    JSON: Buffer.from(JSON.stringify(secret).slice(1, -1)),
    'JSON in ASCII': Buffer.from(asciiJson(secret)),
  }
  for (const [name, bytes] of Object.entries(raw)) {
    found.set(name, bytes)
    found.set(`hex of ${name}`, Buffer.from(bytes.toString('hex')))
    found.set(`upper-case hex of ${name}`, Buffer.from(bytes.toString('hex').toUpperCase()))
    for (const before of [0, 1, 2]) {
      const base64 = base64At(bytes, before)
      found.set(`base64 of ${name}, ${before} after`, Buffer.from(base64))
      found.set(`base64url of ${name}, ${before} after`, Buffer.from(base64.replaceAll('+', '-').replaceAll('/', '_')))
    }
  }
  found.set('URL', Buffer.from(encodeURIComponent(secret)))
  return found
}

/** `what in where, as spelling`, once for each find. */
export function findings(secrets: Readonly<Record<string, string>>, places: readonly Place[]): string[] {
  return Object.entries(secrets).flatMap(([what, secret]) => {
    const sought = [...spellings(secret)]
    return places.flatMap(({ name, bytes }) =>
      sought.filter(([, spelling]) => bytes.includes(spelling)).map(([spelling]) => `${what} in ${name}, as ${spelling}`),
    )
  })
}

export async function filesIn(folder: string): Promise<Place[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(files.map(async (name) => ({ name, bytes: await readFile(name) })))
}
