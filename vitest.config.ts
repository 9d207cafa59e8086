import { defineConfig } from 'vitest/config'

// `source` resolves the workspace packages to their TypeScript, so that tests need no build. `import` must not stand here: it
// is handed on to Node, where `require` would then load the wrong half of a package that has two.
const conditions = ['source', 'node']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ['**/*.test.ts'], exclude: ['**/node_modules/**', '**/dist/**'] },
})
