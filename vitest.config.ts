import { defineConfig } from 'vitest/config'

// Packages of ours import one another by name: the `source` condition finds them without a build. No `import` here: the
// test processes get these conditions too, and a `require` of a package with two builds would then get the wrong one.
const conditions = ['source', 'node']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['{pricing,sandbox,exporter}/{src,test}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    globalSetup: ['./exporter/test/support/left-out.ts'],
    // Nothing here is bound to time: a slow machine is no failure.
    testTimeout: 0,
    hookTimeout: 0,
  },
})
