/** `npm run infra` against a stub of az: twice the same, a dry run, and every single call failing once. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { run } from '../../infra/tenant/run.ts'
import { identities } from '../../infra/topology.ts'
import { systemClock } from '../../shared/clock.ts'
import type { ManageAnswer } from '../../shared/manage.ts'
import { answer, bus, emptyWorld, functionsPrincipal, isWrite, optional, type World } from './az-stub.ts'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'infra-test-'))
  folders.push(folder)
  return folder
}

/** Only that the files are there matters to a stub. */
const root = newFolder()
for (const file of ['infra/main.bicep', 'infra/params/dev.bicepparam', 'dist/functions-package/host.json']) {
  mkdirSync(join(root, file, '..'), { recursive: true })
  writeFileSync(join(root, file), '{}')
}
const clock = { ...systemClock, sleep: async () => {} }

interface Desk {
  world: World
  folder: string
}
const desk = (): Desk => ({ world: emptyWorld(), folder: newFolder() })
const copy = ({ world, folder }: Desk): Desk => {
  const other = { world: structuredClone(world), folder: newFolder() }
  try {
    writeFileSync(join(other.folder, 'dev.json'), readFileSync(join(folder, 'dev.json')))
  } catch {
    // No command has found anything out yet.
  }
  return other
}

async function infra({ world, folder }: Desk, line: string, { typed, api }: { typed?: string; api?: ManageAnswer } = {}) {
  const said: string[] = []
  world.calls = []
  const asked: unknown[][] = []
  const code = await run(line.replaceAll('OUT', folder).split(' '), {
    az: async (args) => answer(world, args),
    io: { print: (text) => said.push(text), tell: (text) => said.push(text), ...(typed !== undefined && { ask: async () => typed }) },
    clock,
    root,
    stateFolder: folder,
    manage: async () => ({
      call: async (...request) => {
        asked.push(request)
        return api ?? { status: 200, body: {} }
      },
    }),
  })
  return { code, said: said.join('\n'), calls: [...world.calls], asked }
}

const things = ({ world: { calls: _, failAt: __, failAfter: ___, ...rest } }: Desk) => structuredClone(rest)
const stateOf = ({ folder }: Desk) => JSON.parse(readFileSync(join(folder, 'dev.json'), 'utf8'))

/** In the order of a deployment; each begins where the one before ended. */
const story = [
  { line: 'register-app --page-url https://app.example.test/page' },
  { line: 'deploy --location westeurope --yes' },
  { line: `grant-graph --optional ${optional}` },
  { line: 'enrol-agent a1' },
  { line: 'enrol-agent a2 --sas --out OUT/a2.txt' },
  { line: `verify --optional ${optional} --no-sign-in` },
  { line: 'revoke-agent a1 --no-sign-in' },
  { line: 'revoke-agent a2 --reason stolen' },
  { line: 'uninstall', typed: 'rg-password-writeback-dev' },
  { line: 'uninstall --with-vault', typed: 'rg-password-writeback-dev' },
] as readonly { line: string; typed?: string }[]

/** Each command with the world before it, undisturbed. */
const chapters: {
  line: string
  typed?: string
  before: Desk
  after: ReturnType<typeof things>
  calls: string[][]
  said: string
  code: number
}[] = []
const now = desk()
for (const each of story) {
  const before = copy(now)
  const { code, said, calls } = await infra(now, each.line, each)
  chapters.push({ ...each, before, after: things(now), calls, said, code })
}
const rows = chapters.map((chapter) => [chapter.line, chapter] as const)

describe('from nothing to nothing', () => {
  it.each(rows)('%s', (_, { code, said }) => {
    expect(code, said).toBe(0)
  })

  it('what the templates do not make is there', () => {
    const { after } = chapters[3] ?? {}
    expect(Object.keys(after?.applications ?? {})).toEqual(
      ['api', 'program', 'page', 'agent-a1'].map((name) => `password-writeback-dev-${name}`),
    )
    const api = after?.applications['password-writeback-dev-api']
    expect(api).toMatchObject({
      identifierUris: [`api://${api.appId}`],
      api: {
        requestedAccessTokenVersion: 2,
        oauth2PermissionScopes: [
          { value: 'manage', type: 'Admin' },
          { value: 'me', type: 'User' },
        ],
      },
      appRoles: [{ value: 'Writeback.Admin' }, { value: 'Writeback.Helpdesk' }],
      optionalClaims: { accessToken: [{ name: 'auth_time' }, { name: 'acrs' }] },
    })
    expect(api.api.preAuthorizedApplications).toHaveLength(2)
    expect(after?.granted.map(({ principalId }) => principalId)).toEqual(
      [...identities.functions.graph, optional].map(() => functionsPrincipal),
    )
  })

  it('deploy is given the registrations, and no secret', () => {
    const [create = []] = chapters[1]?.calls.filter((args) => args.join(' ').startsWith('deployment group create')) ?? []
    const api = chapters[0]?.after.applications['password-writeback-dev-api']
    expect(create).toContain(`adminAudience=${JSON.stringify([api.appId, `api://${api.appId}`])}`)
    expect(create.filter((arg) => /mail|secret|password=/i.test(arg))).toEqual([])
  })

  it('a revoked agent has nothing left, the others keep theirs', () => {
    const { principals, assignments, rules } = chapters[7]?.after ?? things(desk())
    expect(Object.values(principals).filter(({ accountEnabled }) => !accountEnabled)).toHaveLength(2)
    expect([...new Set(assignments.map(({ principalId }) => principalId))]).toEqual([functionsPrincipal])
    expect(rules).toEqual({})
  })

  it('the vault is locked again afterwards', () => {
    expect(chapters[7]?.after.locks).toEqual(chapters[5]?.after.locks)
    expect(chapters[7]?.after.locks).toHaveLength(1)
  })

  it('uninstall keeps the vault, until it is told otherwise', () => {
    expect(chapters[8]?.after.resources.map(({ type }) => type)).toEqual(['Microsoft.KeyVault/vaults'])
    expect(chapters[8]?.after.applications).toEqual({})
    expect(chapters[9]?.after).toMatchObject({ resources: [], groups: [], customRoles: [], locks: [] })
  })
})

describe('twice is as good as once', () => {
  it.each(rows.filter(([line]) => !line.includes('OUT')))('%s', async (line, { before, after, typed }) => {
    const again = copy(before)
    await infra(again, line, { ...(typed && { typed }) })
    const state = stateOf(again)
    const { code, calls } = await infra(again, line, { ...(typed && { typed }) })
    expect([code, things(again), stateOf(again)]).toEqual([0, after, state])
    // Deployments and uploads are Azure's to compare.
    const written = calls.filter(isWrite).filter((args) => !['deployment', 'functionapp'].includes(args[0] ?? ''))
    expect(written).toEqual([])
  })

  it('enrol-agent --sas, into another file', async () => {
    const again = copy(chapters[5]?.before ?? desk())
    const before = things(again)
    const { code, calls } = await infra(again, 'enrol-agent a2 --sas --out OUT/again.txt')
    expect([code, things(again), calls.filter(isWrite).map(([name]) => name)]).toEqual([0, before, ['deployment']])
    expect(readFileSync(join(again.folder, 'again.txt'), 'utf8')).toBe(readFileSync(join(now.folder, 'a2.txt'), 'utf8'))
  })
})

describe('a dry run', () => {
  it.each(rows)('%s', async (line, { before, calls, typed }) => {
    const dry = copy(before)
    const { code, said, calls: looked } = await infra(dry, `${line} --dry-run`, { ...(typed && { typed }) })
    expect([code, looked.filter(isWrite), things(dry)]).toEqual([0, [], things(before)])
    if (calls.some(isWrite)) expect(said).toMatch(/^would call/m)
  })
})

describe('each call fails once, and the next run goes on', () => {
  const every = rows.flatMap(([line, chapter]) =>
    chapter.calls.flatMap((args, n) =>
      (isWrite(args) ? ([false, true] as const) : ([false] as const)).map((after) => [line, n, after, chapter] as const),
    ),
  )
  it('there is something to fail', () => expect(every.length).toBeGreaterThan(100))

  it.each(rows)('%s', async (line, { before, after: expected, typed, calls }) => {
    for (const [, n, failAfter] of every.filter(([of]) => of === line)) {
      const broken = copy(before)
      Object.assign(broken.world, { failAt: n, failAfter })
      const first = await infra(broken, line, { ...(typed && { typed }) })
      const call = calls[n]?.join(' ')
      expect(first.code, call).not.toBe(0)
      expect(first.said, call).toMatch(/Run the same command again|az login/)
      delete broken.world.failAt
      const second = await infra(broken, line, { ...(typed && { typed }) })
      expect([second.code, things(broken)], `${call}, failed ${failAfter ? 'after' : 'before'} it took effect`).toEqual([0, expected])
    }
  })
})

describe('secrets', () => {
  it('the key of a rule is in its file alone', () => {
    const { said, calls, after } = chapters[4] ?? { said: '', calls: [], after: things(desk()) }
    const file = join(now.folder, 'a2.txt')
    expect(readFileSync(file, 'utf8')).toBe(
      'Endpoint=sb://bus.servicebus.windows.net/;SharedAccessKeyName=agent-a2;SharedAccessKey=key+of/requests=\n',
    )
    expect(statSync(file).mode & 0o077).toBe(0)
    expect(new Set(Object.values(after.rules))).toEqual(new Set(['key+of/requests=']))
    expect(
      [said, JSON.stringify(calls), readFileSync(join(now.folder, 'dev.json'), 'utf8')].filter((text) => text.includes('key+of')),
    ).toEqual([])
  })
})

describe('what is missing is said at once', () => {
  it('and nothing is made', async () => {
    const bare = desk()
    Object.assign(bare.world, { roles: ['Contributor', 'Role Based Access Control Administrator'], registered: ['Microsoft.Web'] })
    const { code, said, calls } = await infra(bare, 'deploy --environment nowhere --location mars --yes')
    expect([code, calls.filter(isWrite)]).toEqual([1, []])
    for (const each of [
      'infra/params/nowhere.bicepparam',
      'Owner',
      'Microsoft.KeyVault is not registered',
      'Microsoft.Storage is',
      'mars has no Flex',
    ])
      expect(said).toContain(each)
    expect(said).toContain('westeurope')
  })

  it.each([
    ['deploy --location westeurope', /--yes/],
    ['grant-graph', /run deploy first/],
    ['enrol-agent', /needs a name/],
    ['enrol-agent a;b', /needs a name/],
    ['enrol-agent a1 --sas', /--out/],
    ['revoke-agent a1', /--reason/],
    ['revoke-agent a9 --reason x', /no agent/],
    ['uninstall', /terminal/],
    ['verify --reason x', /knows no --reason/],
    ['fly', /no command/],
    ['deploy --environment A/B', /--environment/],
  ])('%s', async (line, text) => {
    const { code, said, calls } = await infra(desk(), line)
    expect([code, calls.filter(isWrite)]).toEqual([64, []])
    expect(said).toMatch(text)
  })

  it('no az, and nobody signed in', async () => {
    const io = { print: () => {}, tell: (text: string) => said.push(text) }
    const said: string[] = []
    expect(await run(['verify'], { az: undefined, io, clock, root })).toBe(64)
    const alone = desk()
    alone.world.account = undefined
    said.push((await infra(alone, 'register-app')).said)
    expect(said.join('\n')).toMatch(/no az on the PATH[\s\S]*az login/)
  })

  it('what was not confirmed is not done', async () => {
    for (const { line, before } of chapters.filter(({ line }) => /^(uninstall|deploy)/.test(line))) {
      const { code, calls } = await infra(copy(before), line.replace(' --yes', ''), { typed: 'yes' })
      expect([line, code, calls.filter(isWrite)]).toEqual([line, 1, []])
    }
    const deployed = copy(chapters[2]?.before ?? desk())
    const { code, said, calls } = await infra(deployed, 'deploy --location westeurope', { typed: 'yes' })
    expect([code, calls.filter(isWrite)]).toEqual([1, []])
    expect(said).toMatch(/No changes[\s\S]*Nothing was made/)
  })
})

describe('verify finds', () => {
  const deployed = chapters[5]?.before ?? desk()
  const role = (name: string) => `/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/${name}`
  const cases: [string, (world: World) => unknown, RegExp][] = [
    [
      'a right on the whole namespace',
      (world) =>
        world.assignments.push({
          principalId: functionsPrincipal,
          scope: bus,
          roleDefinitionId: role('69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'),
        }),
      /rights of the functions: more.*namespaces\/bus Send/,
    ],
    [
      'functions that may decrypt',
      (world) =>
        world.assignments.push({
          principalId: functionsPrincipal,
          scope: '/x/keys/password-key',
          roleDefinitionId: role('agent-keys-password-key'),
        }),
      /more.*keys\/password-key keys\/decrypt\/action/,
    ],
    [
      'an agent that may listen on replies',
      (world) =>
        world.assignments.push({
          principalId: world.assignments.at(-1).principalId,
          scope: `${bus}/queues/replies`,
          roleDefinitionId: role('4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'),
        }),
      /agent a2: .*queues\/replies Listen/,
    ],
    [
      'a right that is missing',
      (world) => Object.assign(world, { assignments: world.assignments.slice(1) }),
      /rights of the functions: missing: queues\/requests Send/,
    ],
    [
      'a message that lives too long',
      (world) => Object.assign(world.queues['requests'], { defaultMessageTimeToLive: 'P14D' }),
      /requests.ttlMs is 1209600000, not 300000/,
    ],
    ['a lock that is too long', (world) => Object.assign(world.queues['requests'], { lockDuration: 'PT1M' }), /requests.lockMs/],
    [
      'dead letters',
      (world) => Object.assign(world.queues['events'], { deadLetteringOnMessageExpiration: true }),
      /events.deadLetterOnExpiry/,
    ],
    ['a partitioned queue', (world) => Object.assign(world.queues['replies'], { enablePartitioning: true }), /replies is partitioned/],
    ['keys that open the namespace for nobody', (world) => Object.assign(world, { rules: {} }), /no agent has a rule/],
    ['old TLS', (world) => Object.assign(world.namespace, { minimumTlsVersion: '1.0' }), /TLS is 1.0/],
    ['a queue that is not there', (world) => Reflect.deleteProperty(world.queues, 'replies'), /replies is not there/],
    [
      'a permission too many',
      (world) => world.granted.push({ resourceId: 'graph', appRoleId: 'id of Mail.Read' }),
      /permissions of Graph: more.*Mail.Read/,
    ],
    ['a permission too few', (world) => Object.assign(world, { granted: [] }), /permissions of Graph: missing: User.Read.All/],
  ]
  it.each(cases)('%s', async (_, spoil, text) => {
    const spoiled = copy(deployed)
    spoil(spoiled.world)
    const { code, said } = await infra(spoiled, `verify --optional ${optional} --no-sign-in`)
    expect(code).toBe(1)
    expect(said).toMatch(text)
  })

  const agent = { agent: 'a', linkProven: true, revoked: false }
  it.each<[string, ManageAnswer['body'], number]>([
    ['an agent that is heard', { on: true, agents: [agent] }, 0],
    ['writeback that is off', { on: false, agents: [agent] }, 1],
    ['no agent', { on: true, agents: [] }, 1],
    ['an agent that has not proved the keys', { on: true, agents: [agent, { ...agent, linkProven: false }] }, 1],
  ])('%s', async (_, body, code) => {
    const found = await infra(copy(deployed), `verify --optional ${optional}`, { api: { status: 200, body } })
    expect([found.code, found.asked]).toEqual([code, [['GET', 'writeback']]])
  })
})

it('revoking tells the API who and why, and says when the API did not take it', async () => {
  const { before } = chapters[6] ?? { before: desk() }
  const { appId } = stateOf(before).agents.a1
  const told = await infra(copy(before), 'revoke-agent a1 --reason stolen', { api: { status: 202, body: {} } })
  expect([told.code, told.asked]).toEqual([0, [['POST', `agents/${appId}/revoke`, { reason: 'stolen' }]]])
  const refused = await infra(copy(before), 'revoke-agent a1 --reason stolen', { api: { status: 503, body: {} } })
  expect(refused.code).toBe(1)
  expect(refused.said).toMatch(/Azure has let go of a1, but the API did not take it \(503\)/)
})
