import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UsageError } from './program.ts'
import { fileSink, streamSink } from './scope-sink.ts'

const never = new AbortController().signal

describe('a stream', () => {
  test.each([
    [true, 'CN=\ufffd[2JAda\ufffd\r\n'],
    [false, 'CN=\u001b[2JAda\u009b\r\n'],
  ])('is a terminal: %s', async (isTTY, shown) => {
    const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY })
    await streamSink(stream, never).write('CN=\u001b[2JAda\u009b\r\n')
    expect(stream.read()).toBe(shown)
  })

  test('that is full: the next may come when it has been read', async () => {
    const stream = new PassThrough({ highWaterMark: 4 })
    const order: string[] = []
    const written = streamSink(stream, never)
      .write('longer than four')
      .then(() => order.push('written'))
    stream.once('readable', () => {
      order.push('read')
      stream.read()
    })
    await written
    expect(order).toEqual(['read', 'written'])
  })

  test('that is full, when asked to end', async () => {
    const stop = new AbortController()
    const written = streamSink(new PassThrough({ highWaterMark: 4 }), stop.signal).write('longer than four')
    stop.abort()
    await expect(written).rejects.toThrow('aborted')
  })
})

describe('a file', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sink-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('replaces the old one when it is complete, not before', async () => {
    const path = join(folder, 'report')
    await writeFile(path, 'old')
    const sink = await fileSink(path)
    await sink.write('one ')
    await sink.write('two')
    expect(await readFile(path, 'utf8')).toBe('old')
    await sink.finish()
    expect(await readFile(path, 'utf8')).toBe('one two')
    const discarded = await fileSink(path)
    await discarded.write('three')
    await discarded.discard()
    expect(await readFile(path, 'utf8')).toBe('one two')
    expect(await readdir(folder)).toEqual(['report'])
  })

  test('in a folder that is not there', async () => {
    await expect(fileSink(join(folder, 'nowhere', 'report'))).rejects.toThrow(UsageError)
  })
})
