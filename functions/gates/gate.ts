/**
 * The ways to prove who one is, as a table: later gates (passkey, text message) are rows here.
 *
 * A gate whose code is sent can be the first: its challenge is only recorded and queued by the HTTP call; whatever depends on
 * the person happens in the queue-triggered `deliverChallenge`, so that no answer tells whether a name exists. An
 * authenticator is the second only: nobody is told when its six digits are guessed at, and a stranger who knows a name
 * could guess for months, or use up the owner's tries. Behind a passed gate the person is known, and nothing has to be hidden.
 */

export const gates = {
  /** An eight-digit code by mail to the address the organization's directory holds. */
  mailCode: { first: true, codeDigits: 8, validMs: 5 * 60_000 },
  /** Six digits of an authenticator app (RFC 6238), registered by the person. Nothing is sent. */
  totp: { first: false },
} as const satisfies Record<string, { first: true; codeDigits: number; validMs: number } | { first: false }>

export type GateName = keyof typeof gates
/** What a flow begins with, and what is challenged. */
export type FirstGate = { [N in GateName]: (typeof gates)[N]['first'] extends true ? N : never }[GateName]

export const gateNames = Object.keys(gates) as GateName[]
export const isGate = (name: string): name is GateName => Object.hasOwn(gates, name)
export const isFirst = (name: string): name is FirstGate => isGate(name) && gates[name].first

/** What a person may go on with: any that begins, and once one was passed, the others. */
export const gatesLeft = (offered: readonly GateName[], passed: readonly GateName[] = []): readonly GateName[] =>
  offered.filter((name) => (passed.length === 0 ? isFirst(name) : !passed.includes(name)))
