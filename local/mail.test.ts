import { createTransport } from 'nodemailer'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type MailAddresses, type MailControl, type MailOptions, startMail } from './mail.ts'
import type { StandIn } from './stand-in.ts'

const mail = { from: 'reset@contoso.com', to: 'anna@example.org', subject: 'Your code', text: 'Code 123456' }

let standIn: StandIn<MailAddresses, MailControl>
const start = async (options?: MailOptions) => {
  standIn = await startMail(options)
}
beforeEach(() => start())
afterEach(() => standIn.close())

function transport(auth?: { user: string; pass: string }) {
  const { smtpHost: host, smtpPort: port } = standIn.addresses
  return createTransport({ host, port, secure: false, ...(auth ? { auth } : {}) })
}

describe('a mail', () => {
  it('can be waited for, before and after it was sent', async () => {
    const before = standIn.control.waitFor('anna@example.org')
    await transport().sendMail(mail)
    const after = standIn.control.waitFor('ANNA@example.org')
    expect(await before).toMatchObject({ from: 'reset@contoso.com', to: ['anna@example.org'], subject: 'Your code', text: 'Code 123456' })
    expect(await after).toEqual(await before)
  })

  it('is told from earlier ones by their count', async () => {
    const second = standIn.control.waitFor(mail.to, 1)
    await transport().sendMail(mail)
    await transport().sendMail({ ...mail, to: 'someone@example.org', text: 'not it' })
    await transport().sendMail({ ...mail, text: 'Code 654321' })
    expect((await second).text).toBe('Code 654321')
    expect(standIn.control.messages()).toHaveLength(3)
    expect(standIn.control.messages(mail.to)).toHaveLength(2)
    standIn.control.clear()
    expect(standIn.control.messages()).toEqual([])
  })

  it('that does not come fails the wait, in time or at the end', async () => {
    await expect(standIn.control.waitFor(mail.to, 0, 1)).rejects.toThrow('mail 1 to this address did not come within 1 ms')
    const waiting = standIn.control.waitFor(mail.to, 0, 60_000)
    const failed = expect(waiting).rejects.toThrow(/did not come/)
    await standIn.close()
    await failed
    await start()
  })

  it('reaches everybody in its envelope', async () => {
    await transport().sendMail({ ...mail, bcc: ['b@example.org'] })
    expect(standIn.control.messages('b@example.org')).toHaveLength(1)
  })

  it.each([
    ['umlauts and emoji', 'Zurücksetzen Ihres Kennworts – Köln 🔑', 'Grüße, Ihr Code ist 123456 🔑\nzweite Zeile = gut'],
    ['a long subject', 'ä'.repeat(200), 'x'.repeat(2000)],
    ['another script', 'パスワードの再設定', 'コードは 123456 です。'],
    ['something that looks encoded', 'a =?= b ?= c', 'a=3D b=\nc\n.\n..dots'],
  ])('with %s arrives as it was written', async (_name, subject, text) => {
    await transport().sendMail({ ...mail, subject, text })
    expect(await standIn.control.waitFor(mail.to)).toMatchObject({ subject, text })
  })

  it.each(['base64', 'quoted-printable'] as const)('in %s with text, HTML and an attachment is taken apart', async (textEncoding) => {
    const attachments = [{ filename: 'notes.txt', content: 'attached' }]
    await transport().sendMail({
      ...mail,
      text: 'Grüße',
      html: '<p>Grüße</p>',
      attachments,
      textEncoding,
      headers: { 'Auto-Submitted': 'auto-generated' },
    })
    const [received] = standIn.control.messages()
    expect(received).toMatchObject({ text: 'Grüße', html: '<p>Grüße</p>' })
    expect(received?.headers['auto-submitted']).toBe('auto-generated')
  })
})

describe('the page', () => {
  const get = (path: string, method = 'GET') => fetch(new URL(path, standIn.addresses.page), { method })

  it('shows what was sent, newest first, with everything escaped', async () => {
    expect(await (await get('/')).text()).toContain('Nothing was sent yet.')
    await transport().sendMail({ ...mail, subject: 'older' })
    await transport().sendMail({ ...mail, subject: `<script>alert("1")</script>`, text: `<img src=x onerror='x'> & co` })
    const response = await get('/')
    const html = await response.text()
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;')
    expect(html).toContain('&lt;img src=x onerror=&#39;x&#39;&gt; &amp; co')
    expect(html).not.toMatch(/<script|<img/)
    expect(html.indexOf('&lt;script')).toBeLessThan(html.indexOf('older'))
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  it('has a JSON twin, and can only be read', async () => {
    await transport().sendMail(mail)
    expect(await (await get('/messages')).json()).toEqual(standIn.control.messages())
    expect((await get('/messages', 'DELETE')).status).toBe(405)
    expect((await get('/other')).status).toBe(404)
  })
})

describe('sending', () => {
  it('takes the account, where there is one', async () => {
    await standIn.close()
    await start({ account: { user: 'mailer', password: 'right' } })
    await transport({ user: 'mailer', pass: 'right' }).sendMail(mail)
    await expect(transport({ user: 'mailer', pass: 'wrong' }).sendMail(mail)).rejects.toMatchObject({ code: 'EAUTH', responseCode: 535 })
    await expect(transport().sendMail(mail)).rejects.toMatchObject({ responseCode: 530 })
    expect(standIn.control.messages()).toHaveLength(1)
  })

  it('fails for a while or for good when told to', async () => {
    standIn.control.faults([
      { kind: 'unavailable', count: 1 },
      { kind: 'reject', count: 1 },
    ])
    await expect(transport().sendMail(mail)).rejects.toMatchObject({ responseCode: 451 })
    await expect(transport().sendMail(mail)).rejects.toMatchObject({ responseCode: 550 })
    await transport().sendMail(mail)
    expect(standIn.control.messages()).toHaveLength(1)
  })

  it('leaves nothing open when a pooled client stays connected', async () => {
    const { smtpHost: host, smtpPort: port } = standIn.addresses
    const pooled = createTransport({ host, port, secure: false, pool: true })
    await pooled.sendMail(mail)
    await standIn.close()
    pooled.close()
    expect(standIn.control.messages()).toHaveLength(1)
    await start()
  })
})
