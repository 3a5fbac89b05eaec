import type { AddressInfo } from 'node:net'
import net from 'node:net'
import { SMTPServer } from 'smtp-server'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeAuthority } from '../../local/ca.ts'
import { type MailAddresses, type MailControl, type MailOptions as StandInOptions, startMail } from '../../local/mail.ts'
import type { StandIn } from '../../local/stand-in.ts'
import { isFault } from '../../shared/fault.ts'
import { type Mail, type MailOptions, openMail } from './smtp.ts'

const from = 'reset@contoso.com'
const to = 'anna@example.org'

let standIn: StandIn<MailAddresses, MailControl>
const opened: Mail[] = []
const start = async (options?: StandInOptions) => {
  standIn = await startMail(options)
}
const open = (over: Partial<MailOptions> = {}) => {
  const { smtpHost, smtpPort } = standIn.addresses
  const mail = openMail({ url: `smtp://${smtpHost}:${smtpPort}`, from, local: { kind: 'plain' }, ...over })
  opened.push(mail)
  return mail
}
beforeEach(() => start())
afterEach(async () => {
  for (const mail of opened.splice(0)) mail.close()
  await standIn.close()
})

async function failureOf(work: Promise<unknown>) {
  const failure = await work.catch((error: unknown) => error)
  if (!isFault(failure, 'MAIL_UNAVAILABLE')) throw new Error(`expected MAIL_UNAVAILABLE, not ${failure}`)
  expect(failure.message).not.toContain('anna')
  expect(failure).not.toHaveProperty('cause')
  return failure
}

describe('a mail', () => {
  it('with a code arrives', async () => {
    await open().sendCode(to, '01234567', 5)
    const [mail] = standIn.control.messages(to)
    expect(mail).toMatchObject({ from, to: [to], subject: 'Your code to reset your password', html: '' })
    expect(mail?.text).toContain('01234567')
    expect(mail?.headers).toMatchObject({ from, to, 'auto-submitted': 'auto-generated' })
    expect(mail?.headers['content-type']).toMatch(/^text\/plain/)
  })

  it('with an outcome arrives', async () => {
    await open().sendOutcome(to, { kind: 'done' }, 'change')
    expect(standIn.control.messages(to)[0]?.subject).toBe('Your password was changed')
  })

  it('may be one of many at once', async () => {
    const mail = open()
    await Promise.all(Array.from({ length: 20 }, (_, n) => mail.sendCode(`p${n}@example.org`, '01234567', 5)))
    expect(standIn.control.messages()).toHaveLength(20)
  })

  it('is sent by a signed-in sender where the server wants that', async () => {
    await standIn.close()
    await start({ account: { user: 'mailer@contoso.com', password: 'p@ss:/ word' } })
    const { smtpPort } = standIn.addresses
    const account = `${encodeURIComponent('mailer@contoso.com')}:${encodeURIComponent('p@ss:/ word')}`
    await open({ url: `smtp://${account}@127.0.0.1:${smtpPort}` }).sendCode(to, '01234567', 5)
    expect(standIn.control.messages(to)).toHaveLength(1)
    const failure = await failureOf(open({ url: `smtp://mailer:wrong@127.0.0.1:${smtpPort}` }).sendCode(to, '01234567', 5))
    expect([failure.permanent, failure.message.includes('535'), failure.message.includes('wrong')]).toEqual([true, true, false])
  })
})

describe('a recipient', () => {
  it.each([
    '',
    'anna',
    '@example.org',
    'anna@',
    'anna@example.org, eve@example.net',
    'anna@example.org eve@example.net',
    'anna@example.org;eve@example.net',
    'anna@example.org\r\nBcc: eve@example.net',
    'anna@example.org\nX: y',
    'anna\r\n@example.org',
    'anna@example.org\0',
    'Anna <anna@example.org>',
    '<anna@example.org>',
    '"anna eve"@example.org',
    'anna@eve@example.org',
    'anna@example.org> SIZE=1 RCPT TO:<eve@example.net',
    'anna@[127.0.0.1]',
    'anna@example..org',
    'anna@exämple.org',
    `${'a'.repeat(65)}@example.org`,
    `anna@${'a'.repeat(250)}`,
  ])('is refused unless it is one plain address: %.60j', async (recipient) => {
    const failure = await failureOf(open().sendCode(recipient, '01234567', 5))
    expect(failure.permanent).toBe(true)
    expect(standIn.control.messages()).toEqual([])
  })

  it.each(["o'brien+reset@sub.example.org", 'a!#$%&*=?^_`{|}~-@example.org', 'anna@localhost'])('may be unusual: %j', async (recipient) => {
    await open().sendCode(recipient, '01234567', 5)
    expect(standIn.control.messages(recipient)).toHaveLength(1)
  })
})

describe('a server in trouble', () => {
  it.each([
    ['unavailable', false, '451'],
    ['reject', true, '550'],
  ] as const)('that is %s', async (kind, permanent, word) => {
    standIn.control.faults([{ kind, count: 1 }])
    const mail = open()
    const failure = await failureOf(mail.sendCode(to, '01234567', 5))
    expect([failure.permanent, failure.message.includes(word)]).toEqual([permanent, true])
    await mail.sendCode(to, '01234567', 5)
    expect(standIn.control.messages(to)).toHaveLength(1)
  })

  it('that is not there, and comes back', async () => {
    const mail = open()
    const { smtpPort } = standIn.addresses
    await standIn.close()
    expect((await failureOf(mail.sendCode(to, '01234567', 5))).permanent).toBe(false)
    await start({ ports: { smtp: smtpPort } })
    await mail.sendCode(to, '01234567', 5)
    expect(standIn.control.messages(to)).toHaveLength(1)
  })

  it('that says nothing', async () => {
    const sockets: net.Socket[] = []
    const silent = net.createServer((socket) => sockets.push(socket))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const url = `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}`
    expect((await failureOf(open({ url, timeoutMs: 100 }).sendCode(to, '01234567', 5))).permanent).toBe(false)
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => silent.close(resolve))
  })
})

describe('encryption', () => {
  it('is not done without', async () => {
    const { smtpPort } = standIn.addresses
    const mail = openMail({ url: `smtp://127.0.0.1:${smtpPort}`, from })
    opened.push(mail)
    await failureOf(mail.sendCode(to, '01234567', 5))
    expect(standIn.control.messages()).toEqual([])
  })

  it.each(['smtp', 'smtps'] as const)('is used with %s, if the certificate is trusted', async (scheme) => {
    const authority = await makeAuthority()
    const tls = await authority.issue({ commonName: 'mail', dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] })
    const taken: boolean[] = []
    const server = new SMTPServer({
      ...tls,
      secure: scheme === 'smtps',
      disabledCommands: ['AUTH'],
      closeTimeout: 50,
      onData(stream, session, callback) {
        taken.push(session.secure)
        stream.resume().once('end', () => callback())
      },
    })
    server.on('error', () => {}) // a client that does not like the certificate hangs up
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `${scheme}://127.0.0.1:${(server.server.address() as AddressInfo).port}`
    await open({ url, local: { kind: 'tls', ca: authority.ca } }).sendCode(to, '01234567', 5)
    expect(taken).toEqual([true])
    const untrusting = openMail({ url, from })
    opened.push(untrusting)
    await failureOf(untrusting.sendCode(to, '01234567', 5))
    expect(taken).toEqual([true])
    await new Promise<void>((resolve) => server.close(resolve))
  })
})

describe('a setting', () => {
  it.each<[string, Partial<MailOptions>]>([
    ['another scheme', { url: 'http://127.0.0.1:25' }],
    ['no host', { url: 'smtp://' }],
    ['no URL', { url: 'mail.contoso.com' }],
    ['a plain server elsewhere', { url: 'smtp://mail.contoso.com:25', local: { kind: 'plain' } }],
    ['a sender with a header', { from: 'reset@contoso.com\r\nBcc: eve@example.net' }],
  ])('with %s is refused', (_name, over) => {
    expect(() => open(over)).toThrow(expect.objectContaining({ code: 'SETTINGS_INVALID' }))
  })
})
