/**
 * Table and Queue Storage on loopback: Azurite's own servers, run inside this process.
 *
 * In-process because it starts in about 0.1 s instead of 1 s and leaves no child to lose. The blob service is left out
 * (nothing of ours needs it). Without `folder` everything lives in memory and ends with `close`.
 * Invariant: no telemetry. Azurite's client for it is replaced by an empty module before Azurite loads, so it cannot
 * even be constructed (`--disableTelemetry` only leaves it idle, and loading it costs four fifths of the start).
 */
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Control, StandIn } from './stand-in.ts'

/** The well-known development account that every Azure Storage SDK and Azurite ship with; it guards nothing. */
export const developmentAccount = {
  name: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
} as const

export interface AzuriteOptions {
  /** Where rows and messages are kept; in memory if absent. */
  folder?: string
  ports?: { queue?: number; table?: number }
}

export type Azurite = StandIn<{ queue: number; table: number }, Control>

interface Server {
  start(): Promise<void>
  close(): Promise<void>
  getHttpServerAddress(): string
}

type Construct<T> = new (...args: unknown[]) => T

const require = createRequire(import.meta.url)

/** Azurite exports no library entry; these deep paths are its servers, and the exact version is pinned in package.json. */
function load<T>(path: string): Construct<T> {
  const telemetry = require.resolve('applicationinsights', { paths: [require.resolve('azurite')] })
  require.cache[telemetry] ??= { id: telemetry, filename: telemetry, loaded: true, exports: {}, children: [], paths: [] } as never
  return require(`azurite/dist/src/${path}.js`).default
}

const host = '127.0.0.1'
const keepAliveSeconds = 5

/** The last parameters of both configurations: loose, skipApiVersionCheck, cert, key, password, oauth, disableProductStyleUrl, in memory. */
const lastParameters = (folder: string | undefined) => [false, false, '', '', '', undefined, false, folder === undefined]

function tableServer(port: number, folder: string | undefined): Server {
  const Configuration = load<object>('table/TableConfiguration')
  const noLogs = [false, false, undefined, undefined]
  const rows = join(folder ?? '', 'tables.json')
  return new (load<Server>('table/TableServer'))(
    new Configuration(host, port, keepAliveSeconds, rows, ...noLogs, ...lastParameters(folder)),
  )
}

function queueServer(port: number, folder: string | undefined): Server {
  const Configuration = load<object>('queue/QueueConfiguration')
  const noLogs = [false, undefined, false, undefined]
  const at = (name: string) => join(folder ?? '', name)
  const bodies = [{ locationId: 'Default', locationPath: at('queue-bodies'), maxConcurrency: 1 }]
  return new (load<Server>('queue/QueueServer'))(
    new Configuration(
      host,
      port,
      keepAliveSeconds,
      at('queues.json'),
      at('queue-extents.json'),
      bodies,
      ...noLogs,
      ...lastParameters(folder),
    ),
  )
}

/** It says `https` whatever it speaks, which does not matter here. */
const portOf = (server: Server) => Number(new URL(server.getHttpServerAddress()).port)

export async function startAzurite({ folder, ports = {} }: AzuriteOptions = {}): Promise<Azurite> {
  if (folder !== undefined) await mkdir(folder, { recursive: true })
  const table = tableServer(ports.table ?? 0, folder)
  const queue = queueServer(ports.queue ?? 0, folder)
  await table.start()
  await queue.start().catch(async (cause: unknown) => {
    await table.close()
    throw cause
  })
  return {
    addresses: { queue: portOf(queue), table: portOf(table) },
    control: {},
    close: async () => {
      await Promise.all([table.close(), queue.close()])
    },
  }
}

/**
 * The development account's connection string for one running Azurite.
 * The table SDK wants `{ allowInsecureConnection: true }` beside it (plain http, unlike `UseDevelopmentStorage=true`, is not assumed).
 */
export function connectionString({ queue, table }: Azurite['addresses']): string {
  const { name, key } = developmentAccount
  return [
    'DefaultEndpointsProtocol=http',
    `AccountName=${name}`,
    `AccountKey=${key}`,
    `QueueEndpoint=http://${host}:${queue}/${name}`,
    `TableEndpoint=http://${host}:${table}/${name}`,
  ].join(';')
}
