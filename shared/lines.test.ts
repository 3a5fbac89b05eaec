import { describe, expect, test } from 'vitest'
import { virtualClock } from '../test/virtual-clock.ts'
import { openLines } from './lines.ts'

function openWatched() {
  const clock = virtualClock()
  const written: string[] = []
  return { clock, written, lines: openLines((text) => written.push(text), clock) }
}

describe('lines', () => {
  test('of one moment are one write, in order', async () => {
    const { clock, written, lines } = openWatched()
    for (const line of ['a', 'b']) lines.write(line)
    expect(written).toEqual([])
    await clock.turn()
    lines.write('c')
    await clock.turn()
    expect(written).toEqual(['a\nb\n', 'c\n'])
  })

  test('that have not been written are, once, when the process ends', async () => {
    const { clock, written, lines } = openWatched()
    lines.write('last words')
    lines.flush()
    lines.flush()
    await clock.turn()
    expect(written).toEqual(['last words\n'])
  })
})
