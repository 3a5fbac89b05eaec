/**
 * Reads a mail as it came over SMTP: subject, text and HTML, decoded.
 *
 * Enough MIME for what the product sends: encoded words in headers (RFC 2047), nested multiparts (RFC 2046 §5.1),
 * quoted-printable and base64 (RFC 2045 §6). Bytes are handled as latin1 strings until a part's charset is known.
 */

export type MessageContent = {
  subject: string
  text: string
  html: string
  /** Lower-case names; of a repeated header the last. */
  headers: Record<string, string>
}

/** A mail that was taken: its content and its envelope. */
export type Mail = MessageContent & {
  from: string
  /** The recipients of the envelope: whom it reaches, whatever its headers say. */
  to: string[]
  receivedAt: string
}

interface Part {
  headers: Record<string, string>
  body: string
}

const utf8 = (binary: string) => Buffer.from(binary, 'latin1').toString('utf8')

function decodeQuotedPrintable(text: string): Buffer {
  const joined = text.replace(/[ \t]*=\r?\n/g, '')
  return Buffer.from(
    joined.replace(/=([0-9a-f]{2})/gi, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

function decodeWord(charset: string, encoding: string, text: string): string {
  const bytes = encoding.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : decodeQuotedPrintable(text.replaceAll('_', ' '))
  return new TextDecoder(charset).decode(bytes)
}

function decodeHeader(value: string): string {
  const joined = utf8(value).replace(/(\?=)\s+(=\?)/g, '$1$2') // white space between encoded words is not content (§6.2)
  return joined.replace(/=\?([^?*]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi, (_match, charset, encoding, text) =>
    decodeWord(charset, encoding, text),
  )
}

function splitPart(raw: string): Part {
  const end = raw.search(/\r?\n\r?\n/)
  const head = end < 0 ? raw : raw.slice(0, end)
  const body = end < 0 ? '' : raw.slice(end).replace(/^\r?\n\r?\n/, '')
  const headers: Record<string, string> = {}
  for (const line of head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim()
  }
  return { headers, body }
}

function parameter(header: string, name: string): string | undefined {
  const [, quoted, bare] = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^;\\s]+))`, 'i').exec(header) ?? []
  return quoted ?? bare
}

function subParts(body: string, boundary: string): string[] {
  const [, ...parts] = `\r\n${body}`.split(`\r\n--${boundary}`)
  return parts.filter((part) => !part.startsWith('--')).map((part) => part.replace(/^[ \t]*\r\n/, ''))
}

function decodeBody({ headers, body }: Part): string {
  const encoding = headers['content-transfer-encoding']?.toLowerCase() ?? '7bit'
  const charset = parameter(headers['content-type'] ?? '', 'charset') ?? 'utf-8'
  const bytes =
    encoding === 'base64'
      ? Buffer.from(body, 'base64')
      : encoding === 'quoted-printable'
        ? decodeQuotedPrintable(body)
        : Buffer.from(body, 'latin1')
  return new TextDecoder(charset).decode(bytes).replaceAll('\r\n', '\n').trimEnd()
}

/** The parts that are shown: leaves of the tree that are no attachments. */
function leaves(part: Part): Part[] {
  const type = part.headers['content-type'] ?? 'text/plain'
  const boundary = /^multipart\//i.test(type) ? parameter(type, 'boundary') : undefined
  if (boundary) return subParts(part.body, boundary).flatMap((each) => leaves(splitPart(each)))
  return /^attachment/i.test(part.headers['content-disposition'] ?? '') ? [] : [part]
}

export function readMessage(raw: Buffer): MessageContent {
  const message = splitPart(raw.toString('latin1'))
  const shown = leaves(message)
  const ofType = (type: string) => {
    const part = shown.find((each) => (each.headers['content-type'] ?? 'text/plain').toLowerCase().startsWith(type))
    return part ? decodeBody(part) : ''
  }
  const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, decodeHeader(value)]))
  return { subject: headers['subject'] ?? '', text: ofType('text/plain'), html: ofType('text/html'), headers }
}
