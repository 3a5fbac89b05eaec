import { expect, test } from 'vitest'
import { readiness } from '../../../local/samba/samba.ts'
import { foundContract } from './found.ts'
import { toldApartContract } from './told-apart.ts'

const ready = await readiness()

if (ready.kind === 'ready') {
  foundContract('samba')
  toldApartContract('samba')
} else {
  // Said aloud on a laptop; in CI the contract must have been run.
  test(`not run: ${ready.what}`, () => {
    process.stderr.write(`\n  The contract of the two forests was NOT run against Samba: ${ready.what}\n\n`)
    expect(process.env['CI'], ready.what).toBeFalsy()
  })
}
