import { expect, test } from 'vitest'
import { readiness } from '../../../local/samba/samba.ts'
import { forestsContract } from './forests-contract.ts'

const ready = await readiness()

if (ready.kind === 'ready') {
  forestsContract('samba')
} else {
  // Said aloud on a laptop; in CI the contract must have been run.
  test(`not run: ${ready.what}`, () => {
    process.stderr.write(`\n  The contract of the two forests was NOT run against Samba: ${ready.what}\n\n`)
    expect(process.env['CI'], ready.what).toBeFalsy()
  })
}
