import { defineConfig } from 'vitest/config'

// `source` lets the packages of this repository be tested without being built. Vitest hands these to Node too, where an
// `import` in the list would reach `require` and give CommonJS packages modules that they cannot call.
const conditions = ['source', 'node']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['{pricing,sandbox,exporter}/{src,test}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // Nothing here is bound to time: a slow machine is no failure.
    testTimeout: 0,
    hookTimeout: 0,
  },
})
