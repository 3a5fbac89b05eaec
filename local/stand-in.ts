/**
 * What every stand-in looks like from outside.
 *
 * A stand-in listens on loopback, says where (`addresses`), can be looked into and disturbed by tests (`control`:
 * JSON in, JSON out, also across processes) and ends without leaving anything behind. Port 0 means "any free port".
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** biome-ignore lint/suspicious/noExplicitAny: each control method states its own parameters; callers go through JSON. */
export type Control = Record<string, (...args: any[]) => Json | undefined | Promise<Json | undefined>>

export interface StandIn<A extends Record<string, number | string> = Record<string, number | string>, C extends Control = Control> {
  addresses: A
  control: C
  close(): Promise<void>
}

/** A server that can be switched off and on; while it is off it keeps its address and what it holds. */
export type Power = { stop: () => Promise<undefined>; start: () => Promise<undefined> }

/** PEM text of the local certificate authority and of one server certificate it issued for `localhost` and loopback addresses. */
export interface TlsFiles {
  ca: string
  cert: string
  key: string
}

/** What somebody who starts a system wants to see of them. */
export const shownAddresses = (addresses: Record<string, string | number>) =>
  Object.entries(addresses)
    .filter(([name]) => /^(authorityHost|url|http|page|tcp|ws|table)$/.test(name))
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
