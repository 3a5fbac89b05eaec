/**
 * GET /api/reset: the page for people, one file without a library.
 *
 * Its Content-Security-Policy names its own script and style by their hashes (CSP Level 3, section 2.3.1) and lets it speak to
 * this origin alone: what somebody may get into the page does not run, and no other site may frame it.
 */
import { createHash } from 'node:crypto'
import type { Answer } from '../http/problem.ts'
import { resetHtml } from './html.ts'

const hashOf = (element: 'script' | 'style'): string => {
  const text = new RegExp(`<${element}>(.*?)</${element}>`, 's').exec(resetHtml)?.[1] ?? ''
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

const policy = [
  "default-src 'none'",
  `script-src ${hashOf('script')}`,
  `style-src ${hashOf('style')}`,
  "connect-src 'self'",
  'img-src data:',
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ')

const headers = { 'content-security-policy': policy, 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin' }
const answer: Answer = { status: 200, body: {}, file: { type: 'text/html; charset=utf-8', text: resetHtml, headers } }

export const resetPage = async (): Promise<Answer> => answer
