import { defineConfig } from 'vitest/config'

const conditions = ['source', 'node']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ['{pricing,sandbox,exporter}/{src,test}/**/*.test.ts'] },
})
