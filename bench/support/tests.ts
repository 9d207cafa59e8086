import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createViteServer } from 'vitest/node'
import { LeftOut } from './left-out.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * Does a job with a module of the tests' support, by its name in `exporter/test/support`. The tests are never compiled: they
 * are loaded as vitest loads them, with the conditions that it resolves packages by. Throws LeftOut where they are missing.
 */
export async function withTests<M, T>(name: string, job: (module: M) => Promise<T>): Promise<T> {
  const file = `exporter/test/support/${name}.ts`
  if (!existsSync(`${ROOT}${file}`)) throw new LeftOut(`needs ${file} of the sources`)
  const server = await createViteServer({
    root: ROOT,
    configFile: `${ROOT}vitest.config.ts`,
    server: { middlewareMode: true, watch: null },
    appType: 'custom',
    logLevel: 'error',
  })
  try {
    return await job((await server.ssrLoadModule(`/${file}`)) as M)
  } finally {
    await server.close()
  }
}
