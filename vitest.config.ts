import { defineConfig } from 'vitest/config'

/** Packages of the workspace are read from their sources, not from what was built last. */
const conditions = ['source', 'node', 'import', 'default']

export default defineConfig({ resolve: { conditions }, ssr: { resolve: { conditions } } })
