import { defineConfig } from 'vitest/config'

const conditions = ['source', 'node', 'import', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['{pricing,sandbox,exporter}/{src,test}/**/*.test.ts'],
    // No limit on speed: only so that a test that hangs ends at all.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
