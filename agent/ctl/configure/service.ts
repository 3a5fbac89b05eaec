/** The function app as an administrator sees it: whether password writeback is on, which agents were heard, and the switch. */

export interface WritebackState {
  on: boolean
  agents: readonly { agent: string; heardAt: number }[]
  /** What is under way: switching on makes new keys and has an agent prove them. */
  run?: { step: string; problem?: string | undefined } | undefined
}

export interface Service {
  writeback(): Promise<WritebackState>
  setWriteback(on: boolean, reason: string): Promise<WritebackState>
}

export interface ServiceAddress {
  url: string
}
