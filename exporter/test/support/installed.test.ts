import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { installed } from './installed.ts'
import { run } from './run.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')

/** Runs one suite that needs promtool on a PATH where nothing is. */
async function runWithout(environment: Record<string, string>) {
  const nothing = await mkdtemp(join(tmpdir(), 'marginwatch-empty-path-'))
  try {
    const args = [VITEST, 'run', '--root', ROOT, 'exporter/test/metrics/promtool.test.ts']
    return await run(process.execPath, args, { env: { ...environment, PATH: nothing, NO_COLOR: '1' } })
  } finally {
    await rm(nothing, { recursive: true, force: true })
  }
}

describe('a program', () => {
  it('is found on PATH', () => {
    const before = process.env.PATH
    process.env.PATH = `${dirname(process.execPath)}`
    try {
      expect(installed(basename(process.execPath))).toBe(process.execPath)
      expect(installed('no-such-program-anywhere')).toBe(null)
    } finally {
      process.env.PATH = before
    }
  })
})

describe('a suite whose program is missing', () => {
  it('is left out, and the end of the run says so and why', async () => {
    const { code, stdout } = await runWithout({})
    expect(stdout).toContain('left out: promtool check metrics: needs promtool (Debian package prometheus)\n')
    expect(code).toBe(0)
  })

  it('fails under CI=true', async () => {
    const { code, stdout, stderr } = await runWithout({ CI: 'true' })
    expect(stdout + stderr).toContain('promtool check metrics needs promtool (Debian package prometheus); install it')
    expect(code).toBe(1)
  })
})
