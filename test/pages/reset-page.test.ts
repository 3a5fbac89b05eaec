/** The page as people meet it: a real Chromium, the whole system behind it, and the directory's own word for what happened. */
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { codeIn } from '../../local/reset-client.ts'
import { register } from '../journey/authenticator.fixture.ts'
import { objectIdOf } from '../journey/sign-in.fixture.ts'
import { patience, personNamed, signIn, useSystem } from '../journey/support.ts'
import { browserPath, openBrowser } from './browser.ts'

const path = browserPath()

if (path === undefined) {
  test('not run: there is no Chromium', () => {
    process.stderr.write('\n  The page for people was NOT tried: there is no Chromium here\n\n')
    expect(process.env['CI'], 'Chromium').toBeFalsy()
  })
} else describe('the page', () => pageTests(path))

function pageTests(executablePath: string): void {
  const running = useSystem({ extraUsers: 7 })
  let browser: Browser
  let page: Page
  let complaints: string[]
  beforeAll(async () => {
    browser = await openBrowser(executablePath)
  })
  afterAll(() => browser.close())
  beforeEach(async () => {
    complaints = []
    const context = await browser.createBrowserContext()
    page = await context.newPage()
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`))
    page.on('request', (request) => {
      if (!request.url().startsWith(running().url) && !request.url().startsWith('data:')) complaints.push(`asked ${request.url()}`)
    })
    await page.goto(`${running().url}/api/reset`)
  })
  afterEach(async () => {
    // What the browser itself says of a refused call (422) is no complaint; a script that fails, or asks elsewhere, is.
    expect(complaints).toEqual([])
    await page.browserContext().close()
  })

  const told = () => page.$eval('#told', (element) => `${element.getAttribute('data-effect') ?? '-'} ${element.textContent}`)
  const says = (text: RegExp) => expect.poll(told, patience).toMatch(text)
  const shown = (form: string) => page.waitForSelector(`#${form}:not([hidden])`, { timeout: patience.timeout })
  const fill = async (form: string, name: string, text: string) => {
    await shown(form)
    await page.locator(`#${form} [name=${name}]:not([hidden])`).fill(text)
  }
  const press = (form: string) => page.locator(`#${form} button[type=submit]`).click()

  async function begin(upn: string): Promise<void> {
    await fill('name', 'username', upn)
    await press('name')
    await shown('code')
  }
  async function throughMail(sam: string): Promise<void> {
    const { upn, mail } = personNamed(running(), sam)
    const before = (await running().parts.mail.call('messages', mail)).length
    await begin(upn)
    await fill('code', 'code', codeIn((await running().parts.mail.call('waitFor', mail, before, patience.timeout)).text))
    await press('code')
  }
  async function prove(sam: string): Promise<void> {
    await throughMail(sam)
    await shown('password')
  }
  async function choose(password: string, again = password): Promise<void> {
    await fill('password', 'first', password)
    await fill('password', 'second', again)
    await press('password')
  }

  test('sets a new password, and says so once the directory has it', async () => {
    const { dn } = personNamed(running(), 'user0002')
    await prove('user0002')
    expect(await page.$$eval('#rules li', (items) => items.length)).toBeGreaterThan(0)
    await choose('Fresh-Horse-Battery-1')
    await says(/^changed Your password has been changed/)
    expect(await signIn(running(), dn, 'Fresh-Horse-Battery-1')).toBe('accepted')
    expect(await page.$$eval('input', (inputs) => inputs.map(({ value }) => value).join())).not.toContain('Fresh-Horse')
  })

  test('a refused password leads to another try, two that differ and none that is one to nothing sent', async () => {
    const { dn } = personNamed(running(), 'user0001')
    await prove('user0001')
    await choose('Fresh-Horse-Battery-1', 'Fresh-Horse-Battery-2')
    await says(/not the same/)
    await choose('x'.repeat(128))
    await says(/cannot be used as a password/)
    await choose('Zq7-k')
    await says(/^notChanged The password is too short/)
    await choose('Fresh-Horse-Battery-2')
    await says(/^changed/)
    expect(await signIn(running(), dn, 'Fresh-Horse-Battery-2')).toBe('accepted')
  })

  test('a name nobody has reads the same, and a wrong code is counted', async () => {
    await begin('nobody@corp.example.test')
    const forNobody = await page.$eval('#sent', ({ textContent }) => textContent)
    await fill('code', 'code', '00000000')
    await press('code')
    await says(/The code is not right. 4 more tries/)
    await page.locator('#restart').click()
    await begin(personNamed(running(), 'user0003').upn)
    expect(await page.$eval('#sent', ({ textContent }) => textContent)).toBe(forNobody)
  })

  test('where two gates are needed, the second is asked for after the first', async () => {
    const { upn, dn } = personNamed(running(), 'user0006')
    await running().parts.graph.call('assignRole', await objectIdOf(running(), { upn }), { eligible: true })
    const app = await register(running(), upn)
    await throughMail('user0006')
    await expect.poll(() => page.$eval('#sent', ({ textContent }) => textContent), patience).toMatch(/authenticator app shows/)
    await fill('code', 'code', app.next())
    await press('code')
    await choose('Fresh-Horse-Battery-5')
    await says(/^changed/)
    expect(await signIn(running(), dn, 'Fresh-Horse-Battery-5')).toBe('accepted')
  })

  test('unlocks the account of somebody who knows their password', async () => {
    const { dn, password } = personNamed(running(), 'user0007')
    await prove('user0007')
    await page.locator('#unlock').click()
    await says(/^changed Your account is unlocked. Your password is the one it was/)
    expect(await signIn(running(), dn, password)).toBe('accepted')
  })

  test('who reloads the page is told where their request stands', async () => {
    await prove('user0004')
    await page.reload()
    await choose('Fresh-Horse-Battery-3')
    await says(/^changed/)
    await page.reload()
    await says(/^changed Your password has been changed/)
    await page.goto('about:blank')
    await page.goto(`${running().url}/api/reset#${'A'.repeat(19)}`)
    await says(/There is no such request, or it is not yours/)
    await page.goto('about:blank')
    await page.goto(`${running().url}/api/reset#../status`)
    await shown('name')
  })

  test('what cannot be known is not called a success, and told when it is known', async () => {
    await prove('user0005')
    const { bus } = running().parts
    // The agent has done it, and its answer does not arrive yet.
    await bus.call('fault', { kind: 'holdQueue', queue: 'replies' })
    await choose('Fresh-Horse-Battery-4')
    await says(/being set in the directory/)
    await page.reload()
    await says(/^(-|unknown) /)
    await bus.call('clearFaults')
    await expect.poll(told, patience).toMatch(/^changed/)
  })

  test('runs nothing but itself, and is framed by nobody', async () => {
    const answer = await fetch(`${running().url}/api/reset`)
    expect(answer.headers.get('content-security-policy')).toMatch(
      /default-src 'none'; script-src 'sha256-[^' ]+'; .*frame-ancestors 'none'/,
    )
    const intrude = `document.body.append(Object.assign(document.createElement('script'), { textContent: 'globalThis.intruder = true' }))`
    const ran = await page.evaluate(`${intrude}; 'intruder' in globalThis`)
    expect(ran).toBe(false)
  })
}
