import { defineConfig } from 'vitest/config'

// Packages of ours import one another by name: the `source` condition finds them without a build. No `import` here: the
// test processes get these conditions too, and a `require` of a package with two builds would then get the wrong one.
const conditions = ['source', 'node']

const SUITES = ['{pricing,sandbox,exporter,sdk}/{src,test}/**/*.test.ts']
/** The real gateway waits a quarter of a second for a decision, and is killed and held up: beside other work that is another test. */
const ALONE = [
  'exporter/test/gateway-file/**/*.test.ts',
  'exporter/test/real-gateway/{asked,backstop,budgets,delivery,first-call,replay,trace-events,unasked}.test.ts',
]

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    exclude: ['**/node_modules/**', '**/dist/**'],
    projects: [
      {
        extends: true,
        test: {
          name: 'side by side',
          include: SUITES,
          exclude: ALONE,
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, sequence: { groupOrder: 1 }, maxWorkers: 1 },
      },
    ],
    globalSetup: ['./exporter/test/support/left-out.ts'],
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
