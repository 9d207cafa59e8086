import { defineConfig } from 'vitest/config'

// Packages of ours import one another by name: the `source` condition finds them without a build. No `import` here: the
// test processes get these conditions too, and a `require` of a package with two builds would then get the wrong one.
const conditions = ['source', 'node']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['{pricing,sandbox,exporter,sdk}/{src,test}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    globalSetup: ['./exporter/test/support/left-out.ts'],
    // Many suites wait for servers: two at a time keep two processors busy.
    maxWorkers: 2,
    // Nothing here is bound to time: a slow machine is no failure.
    testTimeout: 0,
    hookTimeout: 0,
    coverage: {
      provider: 'v8',
      include: ['pricing/src/**', 'exporter/src/ledger/**', 'exporter/src/budgets/**'],
      reporter: ['text-summary'],
      // Money and the record of it: a line that no test runs is a line that nobody knows.
      thresholds: { lines: 90, functions: 90, statements: 90, branches: 80 },
    },
  },
})
