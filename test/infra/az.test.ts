/** The way from a command to a process called `az`, and the small parts that no world of a stub can show. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { crc32, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { azProgram, openAz, spawnAz } from '../../infra/tenant/az.ts'
import { covers, send } from '../../infra/tenant/graph.ts'
import { resetOnce } from '../../infra/tenant/reset-once.ts'
import { durationMs } from '../../infra/tenant/verify.ts'
import { zip } from '../../infra/tenant/zip.ts'
import { systemClock } from '../../shared/clock.ts'
import { emptyWorld, type World } from './az-stub.ts'

const folder = mkdtempSync(join(tmpdir(), 'az-'))
afterAll(() => rmSync(folder, { recursive: true }))
const root = fileURLToPath(new URL('../..', import.meta.url))
const script = (text: string) => {
  writeFileSync(join(folder, 'az'), `#!/bin/sh\n${text}\n`)
  chmodSync(join(folder, 'az'), 0o700)
}
const here = () => spawnAz(azProgram(`/nowhere${delimiter}${folder}`) ?? ['nothing'], process.env)
const awkward = ['a b', '"', "'", '$(touch x)', '`x`', '%PATH%', '{"a":[1]}', '', '*', 'ä\n']

describe('az as a process', () => {
  it('gets its arguments as they are, and no keyboard', async () => {
    script(`exec ${process.execPath} -e 'process.stdout.write(JSON.stringify(process.argv.slice(1)))' -- "$@"`)
    expect(JSON.parse((await here()(awkward)).stdout)).toEqual(awkward)
  })

  it('ends with its code and its words', async () => {
    script('echo out; echo "ERROR: no" >&2; exit 7')
    expect(await here()([])).toEqual({ code: 7, stdout: 'out\n', stderr: 'ERROR: no\n' })
    const az = openAz(here(), { dryRun: false, io: { print: () => {} } })
    await expect(az.write(['group', 'create', '--name', 'not-for-a-message'])).rejects.toThrow(/^az group create ended with 7: ERROR: no$/)
  })

  it('a file with a secret is gone when the call is over, also one that failed', async () => {
    const seen: string[] = []
    const az = openAz(
      async (args) => {
        seen.push(readFileSync(String(args.at(-1)).slice(1), 'utf8'), String(args.at(-1)).slice(1))
        return { code: 1, stdout: '', stderr: 'no' }
      },
      { dryRun: false, io: { print: () => {} } },
    )
    await expect(az.writeSecret(['rest'], { key: 'k' })).rejects.toThrow('az rest')
    expect(seen[0]).toBe('{"key":"k"}')
    expect(() => readFileSync(String(seen[1]))).toThrow('ENOENT')
  })

  it('on Windows it is what az.cmd starts, for Node starts no batch file', () => {
    const wbin = 'C:\\Program Files\\Microsoft SDKs\\Azure\\CLI2\\wbin'
    const files = [`${wbin}\\az.cmd`, 'C:\\Program Files\\Microsoft SDKs\\Azure\\CLI2\\python.exe']
    expect(azProgram(`C:\\Windows;${wbin}`, 'win32', (file) => files.includes(file))).toEqual([files[1], '-IBm', 'azure.cli'])
    expect(azProgram('C:\\Windows', 'win32', () => false)).toBeUndefined()
    expect(azProgram('/nowhere')).toBeUndefined()
  })

  it('the program itself, from the command line to az and back', () => {
    const world = join(folder, 'world.json')
    writeFileSync(world, JSON.stringify(emptyWorld()))
    script(`exec ${process.execPath} --no-warnings ${join(root, 'test/infra/az-stub.ts')} "$@"`)
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', 'infra/cli/infra.ts', 'register-app', '--environment', 'stub', '--dry-run'],
      { cwd: root, env: { ...process.env, PATH: `${folder}${delimiter}${process.env['PATH']}`, AZ_STUB_WORLD: world }, encoding: 'utf8' },
    )
    expect([status, stderr]).toEqual([0, expect.stringContaining('register-app: who is signed in')])
    expect(stdout).toContain("would call: az rest --method PATCH --url 'https://graph.microsoft.com/v1.0/applications(uniqueName=")
    const { calls, applications }: World = JSON.parse(readFileSync(world, 'utf8'))
    expect([calls[0], applications, readdirSync(join(root, 'infra')).includes('.state')]).toEqual([['account', 'show'], {}, false])
  })
})

describe('one reset over the API', () => {
  const answers = {
    '/api/reset': [202, { flow: 'f1' }],
    '/api/reset/f1/challenge': [200, {}],
    '/api/reset/f1/verify': [200, {}],
    '/api/reset/f1/password': [200, { outcome: 'done', effect: 'changed' }],
  } as const
  async function reset(over: Record<string, readonly [number, object]> = {}) {
    const asked: { url: string | undefined; cookie: string | undefined; body: Record<string, string> }[] = []
    const server = createServer(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      asked.push({ url: request.url, cookie: request.headers.cookie, body: JSON.parse(text) })
      const [status, body] = { ...answers, ...over }[request.url ?? ''] ?? [404, {}]
      response.writeHead(status, { 'set-cookie': '__Host-flow=secret; Secure; HttpOnly' }).end(JSON.stringify(body))
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const said: string[] = []
    const io = { print: (text: string) => said.push(text), tell: (text: string) => said.push(text), ask: async () => '12345678 ' }
    try {
      const az = openAz(async () => ({ code: 0, stdout: '', stderr: '' }), { dryRun: false, io })
      const given = { io, clock: systemClock, az } as unknown as Parameters<typeof resetOnce>[0]
      const wrong = await resetOnce(given, `http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'test@example.test')
      return { wrong, asked, said: said.join('\n') }
    } finally {
      server.close()
    }
  }

  it('changed is changed, and nobody is told the password', async () => {
    const { wrong, asked, said } = await reset()
    expect(wrong).toBeUndefined()
    expect(asked.map(({ url, cookie }) => [url, cookie])).toEqual([
      ['/api/reset', undefined],
      ...['challenge', 'verify', 'password'].map((step) => [`/api/reset/f1/${step}`, '__Host-flow=secret']),
    ])
    expect(asked[2]?.body).toEqual({ gate: 'mailCode', code: '12345678' })
    const password = asked[3]?.body['newPassword'] ?? ''
    expect(password.length).toBeGreaterThan(20)
    expect(said).not.toContain(password)
  })

  it.each([
    ['/api/reset', [503, { code: 'unavailable' }], 'start: unavailable'],
    ['/api/reset/f1/verify', [400, { code: 'wrongCode' }], 'verify: wrongCode'],
    ['/api/reset/f1/password', [200, { outcome: 'unknown', effect: 'unknown' }], 'the new password: unknown'],
    ['/api/reset/f1/password', [422, { outcome: 'policy.filter', effect: 'notChanged' }], 'the new password: policy.filter'],
  ] as const)('%s %j', async (url, answer, said) => {
    expect((await reset({ [url]: answer })).wrong).toBe(said)
  })
})

describe('small parts', () => {
  it('a ZIP file gives back what went in', () => {
    const files = fc.array(
      fc.record({ name: fc.stringMatching(/^[\wä]{1,9}(\/[\w.]{1,9})?$/), bytes: fc.uint8Array({ maxLength: 300 }) }),
      { maxLength: 5 },
    )
    fc.assert(
      fc.property(files, (given) => {
        const wanted = given.map(({ name, bytes }) => ({ name, bytes: Buffer.from(bytes) }))
        expect(unzip(zip(wanted))).toEqual(wanted)
      }),
    )
  })

  it('what is there covers itself, and not more', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        expect(covers(JSON.parse(JSON.stringify(value)), value)).toBe(true)
        expect(covers({ ...value, more: 1 }, value)).toBe(true)
        expect(covers(value, { ...value, [`${Object.keys(value).join('')}!`]: 1 })).toBe(false)
      }),
    )
    expect([covers([1, 2], [2]), covers([1], [2]), covers(undefined, {}), covers(null, { a: 1 }), covers({ a: 1 }, [1])]).toEqual([
      true,
      false,
      false,
      false,
      false,
    ])
  })

  it.each([
    ['PT10S', 10_000],
    ['PT5M', 300_000],
    ['P1DT2H', 93_600_000],
    ['P14D', 1_209_600_000],
    ['PT0.5S', 500],
    ['soon', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (text, ms) => expect(durationMs(text)).toBe(ms))
})

/** By the central directory, as whoever takes it does. */
function unzip(bytes: Buffer): { name: string; bytes: Buffer }[] {
  const end = bytes.subarray(-22)
  expect(end.readUInt32LE(0)).toBe(0x06054b50)
  const files = []
  let at = end.readUInt32LE(16)
  for (let n = 0; n < end.readUInt16LE(10); n++) {
    expect(bytes.readUInt32LE(at)).toBe(0x02014b50)
    const [crc, packed, size, length] = [
      bytes.readUInt32LE(at + 16),
      bytes.readUInt32LE(at + 20),
      bytes.readUInt32LE(at + 24),
      bytes.readUInt16LE(at + 28),
    ]
    const local = bytes.readUInt32LE(at + 42)
    const name = bytes.subarray(at + 46, at + 46 + length).toString('utf8')
    expect([bytes.readUInt32LE(local), bytes.subarray(local + 30, local + 30 + length).toString('utf8')]).toEqual([0x04034b50, name])
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
    const content = inflateRawSync(bytes.subarray(start, start + packed))
    expect([content.length, crc32(content)]).toEqual([size, crc])
    files.push({ name, bytes: content })
    at += 46 + length
  }
  return files
}

describe('Graph, which is late', () => {
  async function sent(said: string, times: number) {
    const [waited, calls]: [number[], number[]] = [[], []]
    const run = async () => ({ code: calls.push(1) > times ? 0 : 1, stdout: '{}', stderr: said })
    const clock = { ...systemClock, sleep: async (ms: number) => void waited.push(ms) }
    const done = send({ az: openAz(run, { dryRun: false, io: { print: () => {} } }), clock }, 'POST', '/servicePrincipals', { appId: 'a' })
    return { ok: await done.then(() => true).catch(() => false), calls: calls.length, waited }
  }
  const late = 'ERROR: Bad Request(The appId does not exist or is not valid)'

  it('is asked again, longer and longer, for half a minute', async () => {
    expect(await sent(late, 3)).toEqual({ ok: true, calls: 4, waited: [2_000, 4_000, 8_000] })
    expect(await sent(late, 99)).toEqual({ ok: false, calls: 5, waited: [2_000, 4_000, 8_000, 16_000] })
  })

  it('is taken at its word when it refuses', async () => {
    expect(await sent('ERROR: Forbidden(Insufficient privileges)', 99)).toEqual({ ok: false, calls: 1, waited: [] })
  })
})
