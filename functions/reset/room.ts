/**
 * How many submits this instance has under way at once. Who finds no room is told "busy" before anything is sealed or sent,
 * and may try again on the same flow.
 *
 * An instance knows only its own: it bounds its memory, and with the number of instances what can lie on the queue. How much
 * the directory takes is for the agents to say (agent/lanes.ts).
 */
export interface Room {
  /** Left when it is disposed. Undefined: there is none. */
  enter(): Disposable | undefined
}

/**
 * More than a lane of an agent has places, so that nobody is turned away here before there; fewer than the calls that host.json
 * lets run at once, so that whoever is told "busy", and everybody on another route, gets through.
 */
export const submitsAtOnce = 64

export function openRoom(limit: number = submitsAtOnce): Room {
  let inside = 0
  return {
    enter() {
      if (inside >= limit) return undefined
      inside += 1
      return {
        [Symbol.dispose]: () => {
          inside -= 1
        },
      }
    },
  }
}
