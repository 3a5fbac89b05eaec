/**
 * Stand-in for the mail service: takes every mail over SMTP and delivers none.
 *
 * What was sent can be read on a small page (and as JSON at `/messages`), and a test can wait for it. SMTP is plain on
 * loopback, so STARTTLS is not offered; with a user and a password, nothing is taken without them (RFC 4954).
 */
import { timingSafeEqual } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerOptions } from 'smtp-server'
import { type Clock, systemClock } from '../shared/clock.ts'
import { type Disturbance, makeDisturbances } from './faults.ts'
import { type Mail, readMessage } from './mail-message.ts'
import { mailPage, pageHeaders } from './mail-page.ts'
import type { StandIn } from './stand-in.ts'
import { listen, type WebAnswer, type WebRequest } from './web.ts'

export interface MailOptions {
  ports?: { smtp?: number; web?: number }
  /** When given, a sender has to sign in. */
  account?: { user: string; password: string }
  clock?: Clock
}

export type MailAddresses = { smtpHost: string; smtpPort: number; page: string }
/** `unavailable` is a 451 (try again later), `reject` a 550 (no such mailbox), both per recipient. */
export type MailFault = 'unavailable' | 'reject'

export type MailControl = {
  /** Oldest first; only those that reached `to`, if given. */
  messages(to?: string): Mail[]
  /** The mail that follows the first `sinceCount` ones to this address, at once or when it comes; rejects after `timeoutMs`. */
  waitFor(to: string, sinceCount?: number, timeoutMs?: number): Promise<Mail>
  clear(): undefined
  faults(list: Disturbance<MailFault>[]): undefined
}

interface Mailbox {
  messages(to?: string): Mail[]
  put(mail: Mail): void
  clear(): void
  /** Calls back after every mail until unsubscribed. */
  onMail(listener: () => void): () => void
}

function makeMailbox(): Mailbox {
  let mails: Mail[] = []
  const listeners = new Set<() => void>()
  return {
    messages: (to) =>
      to === undefined ? [...mails] : mails.filter((mail) => mail.to.some((each) => each.toLowerCase() === to.toLowerCase())),
    put(mail) {
      mails.push(mail)
      for (const listener of [...listeners]) listener()
    },
    clear() {
      mails = []
    },
    onMail(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function waitFor(mailbox: Mailbox, to: string, sinceCount: number, timeoutMs: number, closing: AbortSignal): Promise<Mail> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer)
      unsubscribe()
      closing.removeEventListener('abort', fail)
    }
    const look = () => {
      const mail = mailbox.messages(to)[sinceCount]
      if (!mail) return
      end()
      resolve(mail)
    }
    const fail = () => {
      end()
      reject(new Error(`mail ${sinceCount + 1} to this address did not come within ${timeoutMs} ms`))
    }
    const timer = setTimeout(fail, timeoutMs)
    const unsubscribe = mailbox.onMail(look)
    closing.addEventListener('abort', fail)
    look()
  })
}

function sameText(a: string | null | undefined, b: string): boolean {
  const [left, right] = [Buffer.from(a ?? ''), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

const smtpError = (responseCode: number, message: string) => Object.assign(new Error(message), { responseCode })

async function readAll(stream: SMTPServerDataStream): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function smtpOptions(
  mailbox: Mailbox,
  clock: Clock,
  account: MailOptions['account'],
  takeFault: () => MailFault | undefined,
): SMTPServerOptions {
  return {
    disabledCommands: account ? ['STARTTLS'] : ['STARTTLS', 'AUTH'],
    allowInsecureAuth: true, // loopback only
    disableReverseLookup: true,
    size: 1024 * 1024,
    closeTimeout: 50, // clients keep connections in a pool; ending must not wait for them
    onAuth({ username, password }, _session, callback) {
      if (account && sameText(username, account.user) && sameText(password, account.password)) return callback(null, { user: account.user })
      callback(smtpError(535, 'Authentication credentials invalid'))
    },
    onRcptTo(_address, _session, callback) {
      const fault = takeFault()
      if (fault === 'unavailable') return callback(smtpError(451, 'Try again later'))
      callback(fault === 'reject' ? smtpError(550, 'No such mailbox') : null)
    },
    onData(stream, { envelope }, callback) {
      readAll(stream).then((raw) => {
        if (stream.sizeExceeded) return callback(smtpError(552, 'Message is too large'))
        const from = envelope.mailFrom ? envelope.mailFrom.address : ''
        const to = envelope.rcptTo.map((each) => each.address)
        mailbox.put({ from, to, receivedAt: new Date(clock.now()).toISOString(), ...readMessage(raw) })
        callback()
      }, callback)
    },
  }
}

async function answerWeb(mailbox: Mailbox, { method, url }: WebRequest): Promise<WebAnswer> {
  if (method !== 'GET') return { status: 405, headers: { allow: 'GET' } }
  if (url.pathname === '/messages') return { status: 200, headers: { 'cache-control': 'no-store' }, body: mailbox.messages() }
  return url.pathname === '/' ? { status: 200, headers: pageHeaders, body: mailPage(mailbox.messages()) } : { status: 404 }
}

async function listenSmtp(server: SMTPServer, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      server.on('error', () => {}) // a client that went away; the server itself goes on
      resolve()
    })
  })
  return (server.server.address() as AddressInfo).port
}

export async function startMail(options: MailOptions = {}): Promise<StandIn<MailAddresses, MailControl>> {
  const { ports = {}, account, clock = systemClock } = options
  const mailbox = makeMailbox()
  const disturbances = makeDisturbances<MailFault>()
  const closing = new AbortController()
  const web = await listen((request) => answerWeb(mailbox, request), { port: ports.web })
  const smtp = new SMTPServer(smtpOptions(mailbox, clock, account, disturbances.take))
  const smtpPort = await listenSmtp(smtp, ports.smtp ?? 0).catch(async (cause) => {
    await web.close()
    throw cause
  })
  return {
    addresses: { smtpHost: '127.0.0.1', smtpPort, page: `http://127.0.0.1:${web.port}/` },
    control: {
      messages: (to) => mailbox.messages(to),
      waitFor: (to, sinceCount = 0, timeoutMs = 5000) => waitFor(mailbox, to, sinceCount, timeoutMs, closing.signal),
      clear() {
        mailbox.clear()
      },
      faults(list) {
        disturbances.set(list)
      },
    },
    async close() {
      closing.abort()
      await Promise.all([web.close(), new Promise<void>((resolve) => smtp.close(() => resolve()))])
    },
  }
}
