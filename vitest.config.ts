import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { MissingParts } from './test/missing-parts.ts'

// What Node compiled of the SDKs is kept for the next file, and for the processes that tests start (local/process.ts).
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url))

// What is waited for comes: a second, the default, is a measure of the machine.
const common = { testTimeout: 30_000, hookTimeout: 60_000, expect: { poll: { timeout: 20_000 } } }
const once = ['local/host/**/*.test.ts', 'local/entra/entra.test.ts']

/**
 * Tests share what a worker has loaded: that saves a third of their time (the SDKs are large). A few start from nothing: the
 * host's apps register themselves once per process, and the SDK keeps a managed identity's tokens for the whole of one.
 * Journeys wait more than they work: three workers keep two cores busy.
 */
export default defineConfig({
  test: {
    maxWorkers: 3,
    reporters: ['default', new MissingParts()],
    projects: [
      {
        test: {
          ...common,
          name: 'shared',
          isolate: false,
          include: ['{functions,agent,shared,infra,local,test}/**/*.test.ts'],
          exclude: once,
        },
      },
      { test: { ...common, name: 'once', include: once } },
    ],
  },
})
