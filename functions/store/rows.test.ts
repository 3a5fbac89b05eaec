import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { TableClient } from '@azure/data-tables'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Azurite, connectionString, startAzurite } from '../../local/azurite.ts'
import { isFault } from '../../shared/fault.ts'
import type { EventName, Fields } from '../../shared/log.ts'
import { openRows, type RowKey, type Rows } from './rows.ts'
import { openTables, type TableAccess, type TableName } from './tables.ts'

const oldVersion = '0'.repeat(32)
const newVersion = '1'.repeat(32)
const known: Record<string, RowKey> = {
  [oldVersion]: { version: oldVersion, key: Buffer.alloc(32, 1) },
  [newVersion]: { version: newVersion, key: Buffer.alloc(32, 2) },
}

async function subkey(purpose: 'rows'): Promise<RowKey>
async function subkey(purpose: 'rows', version: string): Promise<RowKey | undefined>
async function subkey(_purpose: 'rows', version = newVersion): Promise<RowKey | undefined> {
  return known[version]
}

let azurite: Azurite
let logged: [EventName, Fields | undefined][]
const open = (tables: TableAccess): Rows => openRows({ tables, keys: { subkey }, log: (event, fields) => logged.push([event, fields]) })
const openAt = (port: number, timeoutMs?: number): Rows => {
  const text = connectionString({ ...azurite.addresses, table: port })
  const connection = { kind: 'connectionString', connectionString: text } as const
  return open(openTables({ connection, ...(timeoutMs && { timeoutMs }) }))
}
let rows: Rows

beforeAll(async () => {
  azurite = await startAzurite()
  rows = openAt(azurite.addresses.table)
})
afterAll(() => azurite.close())
beforeEach(() => {
  logged = []
})

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no fault',
    (error: unknown) => (isFault(error) ? error.code : `not a fault: ${error}`),
  )

describe('a row', () => {
  it('is inserted, read, replaced, overwritten, listed and removed', async () => {
    const value = { name: 'Grüße 🔑 "quoted"\u2028', list: [1, null, true], nested: { a: '' } }
    const inserted = await rows.insert('flows', 'life', 'row-1', value)
    expect(await rows.read('flows', 'life', 'row-1')).toEqual({ value, etag: inserted, rowKey: 'row-1' })
    const replaced = await rows.replace('flows', 'life', 'row-1', { n: 2 }, inserted)
    expect(await rows.read('flows', 'life', 'row-1')).toEqual({ value: { n: 2 }, etag: replaced, rowKey: 'row-1' })
    await rows.put('flows', 'life', 'row-1', { n: 3 })
    await rows.put('flows', 'life', 'row-2', { n: 4 })
    expect((await rows.list('flows', 'life')).map(({ value, rowKey }) => [rowKey, value])).toEqual([
      ['row-1', { n: 3 }],
      ['row-2', { n: 4 }],
    ])
    await rows.remove('flows', 'life', 'row-1')
    await rows.remove('flows', 'life', 'row-1')
    expect(await rows.read('flows', 'life', 'row-1')).toBeUndefined()
    expect(await rows.list('flows', 'nothing-here')).toEqual([])
    expect(logged).toEqual([])
  })

  it('that is not as it was read is a conflict', async () => {
    const first = await rows.insert('flows', 'conflict', 'a', 1)
    await rows.put('flows', 'conflict', 'a', 2)
    expect(await codeOf(rows.insert('flows', 'conflict', 'a', 3))).toBe('STORE_CONFLICT')
    expect(await codeOf(rows.replace('flows', 'conflict', 'a', 3, first))).toBe('STORE_CONFLICT')
    expect(await codeOf(rows.remove('flows', 'conflict', 'a', first))).toBe('STORE_CONFLICT')
    expect((await rows.read('flows', 'conflict', 'a'))?.value).toBe(2)
    await rows.remove('flows', 'conflict', 'a')
    expect(await codeOf(rows.replace('flows', 'conflict', 'a', 3, first))).toBe('STORE_CONFLICT')
  })

  it('is replaced by one of many at once', async () => {
    const etag = await rows.insert('flows', 'race', 'a', 0)
    const codes = await Promise.all(Array.from({ length: 8 }, (_, n) => codeOf(rows.replace('flows', 'race', 'a', n + 1, etag))))
    expect(codes.toSorted()).toEqual([...Array(7).fill('STORE_CONFLICT'), 'no fault'])
    expect((await rows.read('flows', 'race', 'a'))?.value).toBe(codes.indexOf('no fault') + 1)
  })

  it('of an older state key is still read, and written anew under the current one', async () => {
    const keys = { subkey: async () => known[oldVersion] as RowKey }
    const before = openRows({
      tables: openTables({ connection: { kind: 'connectionString', connectionString: connectionString(azurite.addresses) } }),
      keys,
      log: () => {},
    })
    const etag = await before.insert('agents', 'old', 'a', 1)
    expect((await rows.read('agents', 'old', 'a'))?.value).toBe(1)
    await rows.replace('agents', 'old', 'a', 2, etag)
    expect(await raw('agents').getEntity('old', 'a')).toMatchObject({ v: newVersion })
  })

  it.each(['', '/', "a' or 1 eq 1 or 'b", 'a b', 'ä', '..', 'a\n', 'x'.repeat(129)])('is not asked for under the key %j', async (key) => {
    expect(await codeOf(rows.read('flows', key, 'a'))).toBe('INPUT_REFUSED')
    expect(await codeOf(rows.insert('flows', 'a', key, 1))).toBe('INPUT_REFUSED')
    expect(await codeOf(rows.remove('flows', 'a', key))).toBe('INPUT_REFUSED')
    expect(await codeOf(rows.list('flows', key))).toBe('INPUT_REFUSED')
  })

  it('holds what fits into a column', async () => {
    await rows.put('flows', 'size', 'a', 'x'.repeat(31_998))
    expect((await rows.read<string>('flows', 'size', 'a'))?.value).toHaveLength(31_998)
    expect(await codeOf(rows.put('flows', 'size', 'a', 'x'.repeat(31_999)))).toBe('INPUT_REFUSED')
    await expect(rows.put('flows', 'size', 'a', undefined)).rejects.toThrow(TypeError)
  })
})

const raw = (table: TableName) =>
  TableClient.fromConnectionString(connectionString(azurite.addresses), table, { allowInsecureConnection: true })

describe('a row written by somebody without the state key', () => {
  type Columns = { v: string; d: string; w: string; m: string | number }
  let victim: Columns
  let other: Columns
  const columnsOf = async (table: TableName, partition: string, row: string): Promise<Columns> => {
    const { v, d, w, m } = await raw(table).getEntity<Columns>(partition, row)
    return { v, d, w, m }
  }
  beforeAll(async () => {
    await rows.put('agents', 'forged', 'victim', { admin: false })
    await rows.put('agents', 'forged', 'other', { admin: true })
    victim = await columnsOf('agents', 'forged', 'victim')
    other = await columnsOf('agents', 'forged', 'other')
  })

  it.each<[string, string, () => Partial<Columns> | Promise<Partial<Columns>>]>([
    ['edited JSON', 'mac', () => ({ ...victim, d: '{"admin":true}' })],
    ['the same JSON in another spelling', 'mac', () => ({ ...victim, d: '{ "admin":false}' })],
    ["another row's columns", 'mac', () => other],
    ["another row's JSON and MAC", 'mac', () => ({ ...victim, d: other.d, m: other.m })],
    ["another row's MAC", 'mac', () => ({ ...victim, m: other.m })],
    [
      "another partition's row",
      'mac',
      async () => {
        await rows.put('agents', 'elsewhere', 'victim', { admin: true })
        return await columnsOf('agents', 'elsewhere', 'victim')
      },
    ],
    [
      "another table's row",
      'mac',
      async () => {
        await rows.put('state', 'forged', 'victim', { admin: true })
        return await columnsOf('state', 'forged', 'victim')
      },
    ],
    ['another known version', 'mac', () => ({ ...victim, v: oldVersion })],
    ['an unknown version', 'version', () => ({ ...victim, v: '2'.repeat(32) })],
    ['an empty version', 'version', () => ({ ...victim, v: '' })],
    ['another write id', 'mac', () => ({ ...victim, w: other.w })],
    ['half a MAC', 'mac', () => ({ ...victim, m: String(victim.m).slice(0, 21) })],
    ['an empty MAC', 'mac', () => ({ ...victim, m: '' })],
    ['a MAC of another type', 'mac', () => ({ ...victim, m: 1 })],
    ['no MAC', 'mac', () => ({ v: victim.v, d: victim.d, w: victim.w })],
    ['no columns', 'version', () => ({})],
  ])('with %s is rejected', async (_name, problem, forge) => {
    await raw('agents').upsertEntity({ partitionKey: 'forged', rowKey: 'victim', ...(await forge()) }, 'Replace')
    expect(await codeOf(rows.read('agents', 'forged', 'victim'))).toBe('ROW_REJECTED')
    expect(logged.map(([event, fields]) => [event, fields?.reason])).toEqual([['rowRejected', `agents.${problem}`]])
  })

  it('is left out of a list, and logged', async () => {
    await raw('agents').upsertEntity({ partitionKey: 'forged', rowKey: 'victim', ...victim, d: '1' }, 'Replace')
    expect((await rows.list('agents', 'forged')).map(({ rowKey }) => rowKey)).toEqual(['other'])
    expect(logged).toEqual([['rowRejected', { reason: 'agents.mac', keyVersion: newVersion }]])
  })

  it('is the same row again when everything is put back', async () => {
    await raw('agents').upsertEntity({ partitionKey: 'forged', rowKey: 'victim', ...victim }, 'Replace')
    expect((await rows.read('agents', 'forged', 'victim'))?.value).toEqual({ admin: false })
  })
})

describe('a store in trouble', () => {
  /** Hands requests on to Azurite; `lose` says whose answer is lost with the connection. */
  async function startProxy(lose: (request: http.IncomingMessage) => boolean) {
    const server = http.createServer((request, response) => {
      const { method, url: path, headers } = request
      const onward = http.request({ host: '127.0.0.1', port: azurite.addresses.table, method, path, headers, agent: false }, (answer) => {
        if (lose(request)) return answer.resume().once('end', () => request.socket.destroy())
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(response)
      })
      request.pipe(onward)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return {
      port: (server.address() as AddressInfo).port,
      close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
    }
  }

  it('that lost the answer to a write has it known again by the retry', async () => {
    const losses = ['POST', 'PUT', 'DELETE']
    const lost: string[] = []
    const proxy = await startProxy(({ method = '', url = '' }) => {
      const now = url.includes('flows') && losses[0] === method
      if (now) lost.push(losses.shift() ?? '')
      return now
    })
    const through = openAt(proxy.port)
    const etag = await through.insert('flows', 'lost', 'a', 1)
    expect(await rows.read('flows', 'lost', 'a')).toMatchObject({ value: 1, etag })
    const replaced = await through.replace('flows', 'lost', 'a', 2, etag)
    expect(await rows.read('flows', 'lost', 'a')).toMatchObject({ value: 2, etag: replaced })
    await through.remove('flows', 'lost', 'a', replaced)
    expect(await rows.read('flows', 'lost', 'a')).toBeUndefined()
    expect(lost).toEqual(['POST', 'PUT', 'DELETE'])
    await proxy.close()
  })

  it('that does not answer is unavailable, after a time', async () => {
    const server = http.createServer(() => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const silent = openAt((server.address() as AddressInfo).port, 50)
    const failure = await silent.read('flows', 'a', 'b').catch((error: unknown) => error)
    expect(isFault(failure, 'STORE_UNAVAILABLE') && !failure.permanent).toBe(true)
    expect(String(failure)).toContain('TimeoutError')
    await new Promise((resolve) => server.close(resolve).closeAllConnections())
  })

  it('that is not there is unavailable', async () => {
    const gone = await startAzurite()
    await gone.close()
    const failure = await openAt(gone.addresses.table)
      .insert('flows', 'a', 'b', 1)
      .catch((error: unknown) => error)
    expect(isFault(failure, 'STORE_UNAVAILABLE') && !failure.permanent).toBe(true)
    expect(String(failure)).toContain('ECONNREFUSED')
  })

  it('that refuses the account key is unavailable', async () => {
    const text = connectionString(azurite.addresses).replace(/AccountKey=[^;]+/, `AccountKey=${Buffer.alloc(64).toString('base64')}`)
    const refused = open(openTables({ connection: { kind: 'connectionString', connectionString: text } }))
    expect(await codeOf(refused.read('flows', 'a', 'b'))).toBe('STORE_UNAVAILABLE')
  })
})
