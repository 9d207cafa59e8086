import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** Suites that are left out append a line each to this file. */
    leftOut: string
  }
}

/** Runs around the whole test run: says at its end which suites were left out, and why. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'marginwatch-left-out-'))
  const file = join(directory, 'suites')
  project.provide('leftOut', file)
  return async () => {
    const lines = await readFile(file, 'utf8').catch(() => '')
    if (lines !== '') process.stdout.write(`\n${lines}`)
    await rm(directory, { recursive: true, force: true })
  }
}
