import { defineConfig } from 'vitest/config'

// `source` resolves the workspace packages to their TypeScript, so that tests need no build.
const conditions = ['source', 'node', 'import', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ['**/*.test.ts'], exclude: ['**/node_modules/**', '**/dist/**'] },
})
