import { defineConfig } from 'vitest/config'
import { MissingParts } from './test/missing-parts.ts'

/** Journeys start whole systems of processes: they get more time, and few of them run at once. They wait more than they work: three keep two cores busy. */
export default defineConfig({
  test: {
    include: ['{functions,agent,shared,infra,local,test}/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
    reporters: ['default', new MissingParts()],
  },
})
