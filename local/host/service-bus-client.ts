/**
 * A Service Bus client for one binding's connection.
 *
 * A connection string or `NAME__fullyQualifiedNamespace` with a managed identity. `UseDevelopmentEmulator=true` is plain
 * TCP. Everything else is TLS; the SDK takes a private authority only for WebSockets, so a `caFile` (or host.json's
 * `transportType: amqpWebSockets`) means those. A port may stand in either form of address, unlike in Azure.
 */
import { readFileSync } from 'node:fs'
import { ServiceBusClient, type ServiceBusClientOptions } from '@azure/service-bus'
import { WebSocket } from 'ws'
import type { Connection } from './connection.ts'

/** Short, because the trigger makes a new client when this one fails (the defaults would wait a minute and more). */
const retryOptions = { maxRetries: 1, retryDelayInMs: 500, timeoutInMs: 5_000 }

export interface Transport {
  webSockets: boolean
  caFile?: string | undefined
}

/** `host:port` of an endpoint, and the option that makes the SDK honour the port (it would take the default one). */
function portOption(hostAndPort: string): ServiceBusClientOptions {
  return /:\d+$/.test(hostAndPort) ? { customEndpointAddress: `sb://${hostAndPort}` } : {}
}

function transportOptions({ webSockets, caFile }: Transport): ServiceBusClientOptions {
  if (!webSockets && caFile === undefined) return {}
  const webSocketConstructorOptions = caFile === undefined ? {} : { ca: readFileSync(caFile) }
  return { webSocketOptions: { webSocket: WebSocket, webSocketConstructorOptions } }
}

export function makeServiceBusClient(connection: Connection, transport: Transport): ServiceBusClient {
  if (connection.kind === 'identity') {
    const host = connection.address.replace(/:\d+$/, '')
    const options = { retryOptions, ...transportOptions(transport), ...portOption(connection.address) }
    return new ServiceBusClient(host, connection.credential, options)
  }
  if (/UseDevelopmentEmulator=true/i.test(connection.value)) return new ServiceBusClient(connection.value, { retryOptions })
  const endpoint = /Endpoint=sb:\/\/([^/;]+)/i.exec(connection.value)?.[1] ?? ''
  return new ServiceBusClient(connection.value, { retryOptions, ...transportOptions(transport), ...portOption(endpoint) })
}
