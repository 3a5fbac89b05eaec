/**
 * Lines for a log, written a moment later and several at once: whoever waits for an answer does not wait for a pipe.
 *
 * Nothing is lost when the process ends by itself: `flush` is synchronous and belongs on its exit. A process that is killed
 * loses what it said within the last moment.
 */
import type { Clock } from './clock.ts'

export interface Lines {
  write(line: string): void
  flush(): void
}

export function openLines(write: (text: string) => unknown, clock: Pick<Clock, 'turn'>): Lines {
  let waiting = ''
  const flush = () => {
    if (waiting !== '') write(waiting)
    waiting = ''
  }
  return {
    write(line) {
      if (waiting === '') void clock.turn().then(flush)
      waiting += `${line}\n`
    },
    flush,
  }
}
