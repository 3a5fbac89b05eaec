/** A real Chromium, where this machine has one: Debian's chromium-headless-shell or chromium, Chrome, or what CHROME_PATH names. */
import { existsSync } from 'node:fs'
import { type Browser, launch } from 'puppeteer-core'

const usual = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium', '/usr/bin/google-chrome', '/opt/google/chrome/chrome']

export const browserPath = (): string | undefined =>
  [process.env['CHROME_PATH'] ?? '', ...usual].find((path) => path !== '' && existsSync(path))

/** Nothing is asked of anybody but the page's own origin: neither updates nor safe browsing. */
export const openBrowser = (executablePath: string): Promise<Browser> =>
  launch({
    executablePath,
    headless: 'shell',
    // Root, as in a container, has no sandbox.
    args: ['--disable-background-networking', '--disable-component-update', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])],
  })
