import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { locate } from './app.ts'
import { type Host, type HostOptions, startHost } from './host.ts'
import { readHostJson } from './host-json.ts'
import type { RegisteredFunction } from './rpc.ts'
import { problemsOf } from './validate.ts'

const hostJson = { version: '2.0' }
const entry = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))
const start = (options: Partial<HostOptions> & { entry: string }): Promise<Host> =>
  startHost({ hostJson, log: () => undefined, ...options })

async function failure(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    () => new Error('it started'),
    (reason: Error) => reason,
  )
  return error
}

test('an entry that throws is told with its cause', async () => {
  const error = await failure(start({ entry: entry('throwing-app.ts') }))
  expect(error.message).toContain('throwing-app.ts threw while it was loaded')
  expect((error.cause as Error).message).toBe('a setting is missing')
})

test('so is one that is not there', async () => {
  expect(((await failure(start({ entry: entry('missing.ts') }))).cause as Error).message).toContain('missing.ts')
})

test('no functions is a failure, not an empty app', async () => {
  expect((await failure(start({ entry: entry('empty-app.ts') }))).message).toContain('registered no functions')
})

test('an appStart hook that throws ends the start', async () => {
  expect((await failure(start({ entry: entry('failing-start-app.ts') }))).message).toBe('not today')
})

test('every problem of an app is told at once, and the environment is as before', async () => {
  const { message } = await failure(start({ entry: entry('refused-app.ts'), settings: { ONLY_WHILE_IT_RUNS: '1' } }))
  expect(message.split('\n').slice(1)).toEqual([
    "'reserved': The specified route conflicts with one or more built in routes. ('administration/users')",
    "'reserved2': The specified route conflicts with one or more built in routes. ('Runtime')",
    "'two': The route specified conflicts with the route defined by function 'one'.",
    "The function name 'name' must be unique within the function app.",
    "The binding type(s) 'queueTrigger' are not registered: host.json needs an extensionBundle.",
  ])
  expect(process.env['ONLY_WHILE_IT_RUNS']).toBeUndefined()
})

test.each([
  ['a bad name', '1 bad', { t: { type: 'httpTrigger', direction: 'in' } }, "'1 bad' is not a valid function name."],
  ['no trigger', 'f', {}, "'f' must have exactly one trigger, it has 0."],
  [
    'an unknown trigger',
    'f',
    { t: { type: 'blobTrigger', direction: 'in' } },
    "'f': the local host does not run the trigger 'blobTrigger'.",
  ],
  [
    'an output binding',
    'f',
    { t: { type: 'httpTrigger', direction: 'in' }, $return: { type: 'queue', direction: 'out' } },
    "'f': the local host has no 'out' binding of type 'queue'; use the SDK.",
  ],
] as const)('%s', (_why, name, bindings, problem) => {
  const target: RegisteredFunction = { metadata: { name, bindings }, callback: () => undefined }
  expect(problemsOf([target], readHostJson(hostJson, {}))).toEqual([problem])
})

test.each([
  ['the version', {}, /"version": "2.0"/],
  ['a time span', { version: '2.0', extensions: { queues: { maxPollingInterval: '5s' } } }, /expected hh:mm:ss/],
  ['a number', { version: '2.0', extensions: { serviceBus: { maxConcurrentCalls: 0 } } }, /maxConcurrentCalls/],
  ['what the trigger cannot do', { version: '2.0', extensions: { serviceBus: { autoCompleteMessages: false } } }, /only true is supported/],
])('host.json is refused for %s', (_why, file, message) => {
  expect(() => readHostJson(file, {})).toThrow(message)
})

test('settings override host.json', () => {
  const settings = {
    AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCalls: '3',
    AzureFunctionsJobHost__extensions__http__routePrefix: '',
  }
  const { http, serviceBus, queues } = readHostJson({ version: '2.0', extensions: { http: { routePrefix: 'x' } } }, settings).extensions
  expect([http.routePrefix, serviceBus.maxConcurrentCalls, queues.maxDequeueCount]).toEqual(['', 3, 5])
})

test('an app folder gives entry, host.json and settings; the environment wins over local.settings.json', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'app-'))
  await writeFile(join(folder, 'package.json'), '{"main":"functions/main.ts"}')
  await writeFile(join(folder, 'host.json'), '{"version":"2.0"}')
  await writeFile(join(folder, 'local.settings.json'), '{"Values":{"PATH":"nowhere","ONLY_THERE":"a","GIVEN":"b"}}')
  expect(locate({ appFolder: folder }, { GIVEN: 'c' })).toEqual({
    entry: join(folder, 'functions/main.ts'),
    hostJson: { version: '2.0' },
    settings: { ONLY_THERE: 'a', GIVEN: 'c' },
  })
  await rm(join(folder, 'host.json'))
  expect(() => locate({ appFolder: folder })).toThrow(/host\.json is missing/)
  await rm(folder, { recursive: true })
})
