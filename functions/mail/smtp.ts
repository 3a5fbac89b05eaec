/**
 * Mail over SMTP. The only file that knows `nodemailer`.
 *
 * TLS or nothing: `smtps://` from the first byte, `smtp://` by STARTTLS, and a server that offers neither is refused;
 * `plain` is for loopback only. An address is checked before it comes near a header. A server's words about a mailbox
 * are about a person, so a fault holds the SMTP reply code (RFC 5321 section 4.2) and a code word, and no cause.
 */
import { createTransport } from 'nodemailer'
import { type Clock, systemClock } from '../../shared/clock.ts'
import { Fault, faultWord } from '../../shared/fault.ts'
import type { Outcome } from '../../shared/outcome.ts'
import { within } from '../store/within.ts'
import { type Asked, codeMessage, type Message, type MethodChange, methodMessage, outcomeMessage } from './texts.ts'

/** MAIL_UNAVAILABLE when the server did not take the mail; permanent when it never will. */
export interface Mail {
  sendCode(to: string, code: string, validMinutes: number): Promise<void>
  sendOutcome(to: string, outcome: Outcome, asked: Asked): Promise<void>
  sendMethod(to: string, change: MethodChange): Promise<void>
  close(): void
}

export interface MailOptions {
  /** `smtps://user:password@host:465` or `smtp://…:587`; user and password percent-encoded, or absent. */
  url: string
  /** The sender's address. */
  from: string
  /** One mail, waiting for a free connection included. */
  timeoutMs?: number
  clock?: Clock
  local?: { kind: 'plain' } | { kind: 'tls'; ca: string }
}

export function openMail({ url, from, timeoutMs = 15_000, clock = systemClock, local }: MailOptions): Mail {
  if (!isAddress(from)) throw new Fault('SETTINGS_INVALID', 'the sender is not a mail address', { permanent: true })
  const transport = createTransport({
    ...serverOf(url, local),
    pool: true,
    maxConnections: 2,
    maxRequeues: 1,
    idleTimeout: 30_000,
    connectionTimeout: 5_000,
    greetingTimeout: 5_000,
    socketTimeout: 10_000,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  async function send(to: string, { subject, text }: Message): Promise<void> {
    if (!isAddress(to)) throw new Fault('MAIL_UNAVAILABLE', 'the recipient is not a mail address', { permanent: true })
    // An address object is taken as it is; a string would be parsed, and could be a list.
    const addressed = { from: { name: '', address: from }, to: { name: '', address: to } }
    try {
      await within(clock, timeoutMs, (signal) => transport.sendMail({ ...addressed, subject, text, headers: automatic, signal }))
    } catch (error) {
      throw faultOf(error)
    }
  }
  return {
    sendCode: (to, code, validMinutes) => send(to, codeMessage(code, validMinutes, clock.now())),
    sendOutcome: (to, outcome, asked) => send(to, outcomeMessage(outcome, asked, clock.now())),
    sendMethod: (to, change) => send(to, methodMessage(change, clock.now())),
    close: () => transport.close(),
  }
}

/** Keeps out-of-office replies from coming back (RFC 3834 section 5). */
const automatic = { 'Auto-Submitted': 'auto-generated' }

const loopback = ['127.0.0.1', '[::1]', 'localhost']

function serverOf(text: string, local: MailOptions['local']) {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url?.hostname || !['smtp:', 'smtps:'].includes(url.protocol)) throw invalid('has the form smtps://host:port or smtp://host:port')
  const plain = local?.kind === 'plain'
  if (plain && !loopback.includes(url.hostname)) throw invalid('names a loopback address when TLS is off')
  const secure = url.protocol === 'smtps:'
  const user = decodeURIComponent(url.username)
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 465 : 587)),
    secure: secure && !plain,
    requireTLS: !plain,
    ignoreTLS: plain,
    ...(local?.kind === 'tls' && { tls: { ca: local.ca } }),
    ...(user && { auth: { user, pass: decodeURIComponent(url.password) } }),
  }
}

const invalid = (form: string) => new Fault('SETTINGS_INVALID', `the mail server's URL ${form}`, { permanent: true })

/** The common form of RFC 5321's Mailbox: no quoted local part, no address literal, nothing that ends a header or starts a list. */
const mailbox = /^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*$/i
const isAddress = (text: string): boolean => text.length <= 254 && mailbox.test(text)

function faultOf(error: unknown): Fault {
  const { responseCode } = (error ?? {}) as { responseCode?: number }
  const words = [responseCode, faultWord(error)].filter(Boolean).join(' ')
  return new Fault('MAIL_UNAVAILABLE', `the mail was not taken (${words})`, { permanent: (responseCode ?? 0) >= 500 })
}
