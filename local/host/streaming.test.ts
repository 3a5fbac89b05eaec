/** A file of its own: the library keeps the setting for the life of the process. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startHost } from './host.ts'

test('an app that asks for HTTP streaming is refused before the library opens its own listener', async () => {
  const entry = fileURLToPath(new URL('./fixtures/streaming-app.ts', import.meta.url))
  await expect(startHost({ entry, hostJson: { version: '2.0' }, log: () => undefined })).rejects.toThrow(/buffered responses only/)
})
