/**
 * The ways to prove who one is, as a table: later gates (authenticator app, passkey, text message) are rows here.
 *
 * A gate's challenge is only recorded and queued by the HTTP call; whatever depends on the person happens in the
 * queue-triggered `deliverChallenge`, so that no answer tells whether a name exists.
 */

export const gates = {
  /** An eight-digit code by mail to the address the organization's directory holds. */
  mailCode: { codeDigits: 8, validMs: 5 * 60_000 },
} as const satisfies Record<string, { codeDigits: number; validMs: number }>

export type GateName = keyof typeof gates

export const isGate = (name: string): name is GateName => Object.hasOwn(gates, name)

/** The tenant's policy: which gates are offered. One passed gate is enough for now. */
export const offered: readonly GateName[] = ['mailCode']
