import { defineConfig } from 'vitest/config'

// Sources import one another by package name: the `source` condition finds them without a build.
const conditions = ['source', 'node', 'import', 'default']

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
