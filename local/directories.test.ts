import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bindAs } from './bind.ts'
import { makeAuthority } from './ca.ts'
import { type DirectoryKind, type RunningDirectory, startDirectoriesOf } from './directories.ts'
import { readiness } from './samba/samba.ts'

const kinds: DirectoryKind[] = (await readiness()).kind === 'ready' ? ['embedded', 'samba'] : ['embedded']

describe.each(kinds)('two directories, %s', (kind) => {
  let logFolder: string
  let running: RunningDirectory[] = []
  beforeAll(async () => {
    logFolder = await mkdtemp(join(tmpdir(), 'directories-'))
    running = await startDirectoriesOf(kind, 2, { authority: await makeAuthority(), extraUsers: 1, logFolder })
  })
  afterAll(async () => {
    await Promise.all(running.map(({ remote }) => remote.close()))
    await rm(logFolder, { recursive: true, force: true })
  })

  test('each has its own people, and the extra ones are in the first', async () => {
    expect(running.map(({ target }) => target.hostName)).toEqual(['dc1.corp.example.test', 'dc1.north.example.test'])
    for (const { target, forest } of running) {
      const { dn, password } = forest.users[0] ?? { dn: '', password: '' }
      expect(await bindAs(target, dn, password)).toBe('accepted')
    }
    const extra = running.map(({ forest }) => forest.users.some(({ sam }) => sam === 'user0001'))
    expect(extra).toEqual([true, false])
  })

  test('who is in both has one anchor, in the sample and in the directory', async () => {
    const anchors = await Promise.all(running.map(async ({ remote }) => (await remote.call('user', 'alice.adams')).immutableId))
    const [corp, north] = running.map(({ forest }) => forest.users.find(({ sam }) => sam === 'alice.adams'))
    expect(anchors).toEqual([corp?.immutableId, corp?.immutableId])
    expect(north?.immutableId).toBe(corp?.immutableId)
  })

  test('one of them can be switched off and on', async () => {
    const [first, second] = running
    const { dn, password } = second?.forest.serviceAccount ?? { dn: '', password: '' }
    if (!first || !second) throw new Error('two were asked for')
    await second.remote.call('stop')
    await expect(bindAs(second.target, dn, password)).rejects.toThrow()
    expect(await bindAs(first.target, first.forest.serviceAccount.dn, first.forest.serviceAccount.password)).toBe('accepted')
    await second.remote.call('start')
    expect(await bindAs(second.target, dn, password)).toBe('accepted')
  })
})
