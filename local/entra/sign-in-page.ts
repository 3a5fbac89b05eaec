/** The page on which a developer says who they are: no password, only a list of the tenant's people. */
import type { WebAnswer } from '../web.ts'
import type { Administration } from './people.ts'

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

const page = (status: number, body: string): WebAnswer => ({
  status,
  headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': "default-src 'none'; form-action *" },
  body: `<!doctype html><html lang="en"><title>Sign in to the local tenant</title><h1>Sign in to the local tenant</h1>${body}</html>`,
})

const choice = ({ people }: Administration) =>
  people
    .map(({ upn, name, roles }, n) => {
      const label = `${escaped(name)} (${escaped(upn)}): ${escaped(roles.join(', ') || 'no role')}`
      return `<p><label><input type="radio" name="upn" value="${escaped(upn)}"${n === 0 ? ' checked' : ''}> ${label}</label></p>`
    })
    .join('')

/** `code` as asked for: a user code for the device page; the authorization page has it all in its address. */
export const signInPage = (administration: Administration, code?: string): WebAnswer =>
  page(
    200,
    `<form method="post">${code === undefined ? '' : `<p><label>Code <input name="code" value="${escaped(code)}" autofocus></label></p>`}
${choice(administration)}<button>Sign in</button></form>`,
  )

export const signedInPage = () => page(200, '<p>You are signed in. You may close this window.</p>')
export const refusedPage = (why: string) => page(400, `<p>${escaped(why)}</p>`)
