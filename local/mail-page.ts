/**
 * The page that shows what was mailed, newest first. Read-only, no script; everything that came by mail is escaped, and
 * the policy in the headers would stop what slipped through.
 */
import type { Mail } from './mail-message.ts'

export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escapeHtml = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character] ?? '')

const style =
  'body{font:16px/1.5 system-ui;max-width:48rem;margin:2rem auto;padding:0 1rem}article{border-top:1px solid #ccc;padding:1rem 0}' +
  'h2{font-size:1.1rem;margin:0}p{margin:0;color:#555}pre{white-space:pre-wrap;overflow-wrap:anywhere}'

function article({ subject, to, receivedAt, text, html }: Mail): string {
  return (
    `<article><h2>${escapeHtml(subject)}</h2><p>To ${escapeHtml(to.join(', '))}, ` +
    `<time datetime="${escapeHtml(receivedAt)}">${escapeHtml(receivedAt)}</time></p><pre>${escapeHtml(text || html)}</pre></article>`
  )
}

export function mailPage(mails: readonly Mail[]): string {
  const list = mails.length > 0 ? mails.toReversed().map(article).join('\n') : '<p>Nothing was sent yet.</p>'
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sent mail</title><meta name="viewport" content="width=device-width"><style>${style}</style></head>
<body><h1>Sent mail</h1>
${list}
</body></html>
`
}
