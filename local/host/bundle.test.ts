import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Host, startHost } from './host.ts'

let folder: string
let entry: string
let host: Host

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bundle-'))
  entry = join(folder, 'main.cjs')
  await build({
    entryPoints: [fileURLToPath(new URL('./fixtures/http-app.ts', import.meta.url))],
    outfile: entry,
    bundle: true,
    platform: 'node',
    target: 'node22',
    format: 'cjs',
    external: ['@azure/functions-core'],
  })
  host = await startHost({ entry, hostJson: { version: '2.0' }, settings: { TICK: '0 0 3 1 1 *' }, log: () => undefined })
})
afterAll(() => rm(folder, { recursive: true }))

test('the bundle as it is deployed (one CommonJS file, no node_modules beside it) runs', async () => {
  expect(() => createRequire(entry).resolve('@azure/functions')).toThrow()
  const response = await fetch(`http://127.0.0.1:${host.addresses.http}/api/show/1`)
  expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ params: { id: '1' }, seen: ['appStart'] })])
})

test('a second app in the same process has to wait for the end of the first', async () => {
  const other = fileURLToPath(new URL('./fixtures/empty-app.ts', import.meta.url))
  await expect(startHost({ entry: other, hostJson: { version: '2.0' } })).rejects.toThrow(/One functions app per process/)
})

test('the end: answers under way are sent, then the appTerminate hooks run, once', async () => {
  const url = `http://127.0.0.1:${host.addresses.http}`
  const slow = fetch(`${url}/api/slow`)
  await expect.poll(() => host.control.counts().running).toBe(1)
  const closing = Promise.all([host.close(), host.close()])
  await expect(fetch(`${url}/api/show/1`)).rejects.toThrow()
  await host.control.run('tick')
  expect(await (await slow).text()).toBe('late')
  await closing
  expect((globalThis as { terminated?: number }).terminated).toBe(1)
  await expect(startHost({ entry, hostJson: { version: '2.0' } })).rejects.toThrow(/already loaded once/)
})
