import net from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault, faultWord, isFault } from './fault.ts'
import { createLog } from './log.ts'

describe('a fault', () => {
  test('says its code first, keeps its cause, and is passing unless said otherwise', () => {
    const cause = new Error('inner')
    const fault = new Fault('RELAY_DOWN', 'no answer', { cause })
    expect(fault).toMatchObject({ name: 'Fault', code: 'RELAY_DOWN', permanent: false, message: 'RELAY_DOWN: no answer', cause })
    expect(new Fault('RELAY_DOWN', 'no', { permanent: true }).permanent).toBe(true)
    expect('cause' in new Fault('RELAY_DOWN', 'no')).toBe(false)
  })

  test('is told from everything else, and from faults of another code', () => {
    const fault = new Fault('RELAY_DOWN', 'no answer')
    expect(isFault(fault)).toBe(true)
    expect(isFault(fault, 'RELAY_DOWN')).toBe(true)
    expect(isFault(fault, 'STORE_CONFLICT')).toBe(false)
    for (const other of [undefined, null, 'RELAY_DOWN', { code: 'RELAY_DOWN' }, Object.assign(new Error(), { code: 'RELAY_DOWN' })])
      expect(isFault(other, 'RELAY_DOWN')).toBe(false)
  })
})

describe('a word for the log', () => {
  const coded = (code: unknown) => Object.assign(new Error('what the server wrote'), { code })

  test.each<[string, unknown, string]>([
    ['a fault: its code', new Fault('JOURNAL_FAILED', 'text'), 'JOURNAL_FAILED'],
    ['an error with a code', coded('ECONNRESET'), 'ECONNRESET'],
    ['an error with an empty code', coded(''), 'Error'],
    ['an error with a number for a code', coded(32), 'Error'],
    ['an error: its class', new RangeError('text'), 'RangeError'],
    ['a DOMException, whose code is a number', new DOMException('text', 'TimeoutError'), 'TimeoutError'],
    ['several errors: the first', new AggregateError([coded('FIRST'), coded('SECOND')]), 'FIRST'],
    ['several errors in several', new AggregateError([new AggregateError([new Fault('RELAY_DOWN', 'text')])]), 'RELAY_DOWN'],
    ['several errors, none of them there', new AggregateError([]), 'AggregateError'],
    ['several errors, the first of which is none', new AggregateError(['text']), 'NotAnError'],
    ['text', 'the password was wrong', 'NotAnError'],
    ['nothing', undefined, 'NotAnError'],
    ['an object that looks like an error', { code: 'X', message: 'text' }, 'NotAnError'],
  ])('%s', (_, thrown, word) => {
    expect(faultWord(thrown)).toBe(word)
  })

  test('of a connection refused on every address', async () => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as net.AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const error = await new Promise((resolve) => net.connect({ port, host: '127.0.0.1' }).once('error', resolve))
    expect(faultWord(error)).toBe('ECONNREFUSED')
  })

  test('whatever was thrown, there is a word, and the log shows nothing but a word', () => {
    const thrown = fc.oneof(
      fc.anything(),
      fc.string().map((message) => new Error(message)),
      fc.tuple(fc.string(), fc.anything()).map(([message, code]) => Object.assign(new Error(message), { code })),
      fc.array(fc.anything()).map((errors) => new AggregateError(errors)),
    )
    fc.assert(
      fc.property(thrown, (anything) => {
        const lines: string[] = []
        createLog('agent', (line) => lines.push(line))('listenerError', { fault: faultWord(anything) })
        expect(JSON.parse(lines[0] ?? '').fault).toMatch(/^(\[refused\]|[A-Za-z][A-Za-z0-9_.:-]{0,63})$/)
      }),
    )
  })
})
