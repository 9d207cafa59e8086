import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { installed } from './installed.ts'
import { run } from './run.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs')

/** Runs one suite on a PATH where nothing is, with a cache where nothing is. */
async function runWithout(suite: string, environment: Record<string, string>) {
  const nothing = await mkdtemp(join(tmpdir(), 'marginwatch-empty-path-'))
  try {
    const args = [VITEST, 'run', '--root', ROOT, suite]
    const env = { PATH: nothing, XDG_CACHE_HOME: nothing, NO_COLOR: '1', ...environment }
    return await run(process.execPath, args, { env })
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

const PROMTOOL = 'exporter/test/metrics/promtool.test.ts'
const GATEWAY = 'exporter/test/real-gateway/first-call.test.ts'

describe('a suite whose program is missing', () => {
  it('is left out, and the end of the run says so and why', async () => {
    const { code, stdout } = await runWithout(PROMTOOL, {})
    expect(stdout).toContain('left out: promtool check metrics: needs promtool (Debian package prometheus)\n')
    expect(code).toBe(0)
  })

  it('fails under CI=true', async () => {
    const { code, stdout, stderr } = await runWithout(PROMTOOL, { CI: 'true' })
    expect(stdout + stderr).toContain('promtool check metrics needs promtool (Debian package prometheus); install it')
    expect(code).toBe(1)
  })
})

describe('a suite that needs the real LiteLLM, where it is not installed', () => {
  it('is left out, and the end of the run says so and why', async () => {
    const { code, stdout } = await runWithout(GATEWAY, {})
    expect(stdout).toContain('left out: a call through the real LiteLLM: needs the real LiteLLM (npm run fixture)\n')
    expect(code).toBe(0)
  })

  it('fails under CI=true, and says what to install first', async () => {
    const { code, stdout, stderr } = await runWithout(GATEWAY, { CI: 'true' })
    expect(stdout + stderr).toContain(
      'a call through the real LiteLLM needs the real LiteLLM (npm run fixture); The gateway needs Python 3.10 or newer',
    )
    expect(code).toBe(1)
  })
})
