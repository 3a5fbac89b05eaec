/**
 * Active Directory on one machine: LDAPS with its password semantics, for any laptop. The agent talks to it as to the real one.
 *
 * What it refuses, it refuses with Active Directory's codes, measured against Samba 4.24; the contract suite runs against
 * both. Everything lives in memory; passwords only as salted digests. Nothing is logged.
 */
import { once } from 'node:events'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import tls from 'node:tls'
import { type Clock, systemClock } from '../../shared/clock.ts'
import type { Power, StandIn } from '../stand-in.ts'
import { buildDomain } from './build.ts'
import { type DirectoryControl, directoryControl } from './control.ts'
import { placeCrowd } from './crowd.ts'
import type { Domain } from './domain.ts'
import { Faults } from './faults.ts'
import { type SampleForest, sampleForest } from './seed.ts'
import { serve } from './session.ts'

export interface DirectoryOptions {
  /** PEM. */
  tls: { cert: string; key: string }
  /** LDAPS; 0 (any free one) if absent. */
  port?: number
  /** A second, unencrypted port, where passwords are refused; none if absent. */
  clearPort?: number
  hostName?: string
  baseDn?: string
  netbiosName?: string
  /** Who is in it; a new sample with the names above if absent. */
  forest?: SampleForest
  /** How many people without a password besides; none if absent. */
  crowd?: number
  clock?: Clock
  /** A password filter: passwords with one of these inside are refused. */
  bannedSubstrings?: readonly string[]
}

export type DirectoryAddresses = { ldaps: string; ldap?: string }

export interface Directory extends StandIn<Record<string, string>, DirectoryControl & Power> {
  addresses: DirectoryAddresses & Record<string, string>
  /** Names, identifiers and first passwords of everybody inside. */
  forest: SampleForest
}

const host = '127.0.0.1'

export async function startDirectory(options: DirectoryOptions): Promise<Directory> {
  const { hostName, baseDn, netbiosName } = options
  const named = { ...(hostName ? { hostName } : {}), ...(baseDn ? { baseDn } : {}), ...(netbiosName ? { netbiosName } : {}) }
  const forest = options.forest ?? sampleForest(named)
  const domain = buildDomain(forest, options.clock ?? systemClock)
  domain.bannedSubstrings = options.bannedSubstrings ?? []
  placeCrowd(domain, options.crowd ?? 0)
  const faults = new Faults(domain.clock)
  const sockets = new Set<Socket>()

  const surroundings = { domain, faults, sockets }
  const secure = tls.createServer({ cert: options.tls.cert, key: options.tls.key, minVersion: 'TLSv1.2', noDelay: true })
  accept(secure, 'secureConnection', surroundings)
  const ldaps = await listen(secure, options.port ?? 0)
  const clear = options.clearPort === undefined ? undefined : net.createServer({ noDelay: true })
  if (clear) accept(clear, 'connection', surroundings)
  const ldap = clear && (await listen(clear, options.clearPort ?? 0))

  const drop = () => {
    for (const socket of sockets) socket.destroy()
  }
  const stop = async (): Promise<undefined> => {
    const closed = [secure, clear].map((server) => server?.listening && once(server, 'close'))
    secure.close()
    clear?.close()
    drop()
    await Promise.all(closed)
  }
  const start = async (): Promise<undefined> => {
    await listen(secure, ldaps)
    if (clear && ldap !== undefined) await listen(clear, ldap)
  }
  return {
    addresses: { ldaps: `ldaps://${host}:${ldaps}`, ...(ldap === undefined ? {} : { ldap: `ldap://${host}:${ldap}` }) },
    control: { ...directoryControl(domain, faults, { size: () => sockets.size, drop }), stop, start },
    forest,
    async close() {
      faults.clear()
      await stop()
    },
  }
}

interface Surroundings {
  domain: Domain
  faults: Faults
  sockets: Set<Socket>
}

function accept(server: Server, event: 'secureConnection' | 'connection', { domain, faults, sockets }: Surroundings): void {
  // Also what has not finished its handshake is ended on close. A failed handshake is the client's affair.
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
  })
  server.on(event, (socket: Socket) => serve(domain, faults, socket, event === 'secureConnection'))
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, host)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
