/** The last lines of a test run: which real parts were not there, so that nobody takes their absence for a success. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Reporter } from 'vitest/node'
import { readiness } from '../local/samba/samba.ts'
import { browserPath } from './pages/browser.ts'

function protonIsMissing(): boolean {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import proton'], { stdio: 'ignore' })
    return false
  } catch {
    return true
  }
}

export class MissingParts implements Reporter {
  async onTestRunEnd(): Promise<void> {
    const samba = await readiness()
    const missing = [
      ...(samba.kind === 'missing' ? [`${samba.what}: the directory contract ran against the stand-in alone`] : []),
      ...(protonIsMissing() ? ['python3-qpid-proton is not installed: no independent client spoke to the bus'] : []),
      ...(browserPath() ? [] : ['there is no Chromium: nobody looked at the page for people']),
      ...(existsSync('/proc/self/mem') ? [] : ['/proc/self/mem is not there: nobody looked for dropped keys in a process']),
    ]
    for (const part of missing) process.stdout.write(`\n   NOT RUN  ${part}\n`)
  }
}
