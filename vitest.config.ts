import { defineConfig } from 'vitest/config'
import { MissingParts } from './test/missing-parts.ts'

/** Journeys start whole systems of processes: they get more time, and few of them run at once. */
export default defineConfig({
  test: {
    include: ['{functions,agent,shared,infra,local,test}/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    reporters: ['default', new MissingParts()],
  },
})
