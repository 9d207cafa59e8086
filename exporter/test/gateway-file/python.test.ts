import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { describeWithFixture } from '../support/fixture.ts'
import { describeWith } from '../support/installed.ts'

const FOLDER = fileURLToPath(new URL('../../../gateway/', import.meta.url))

/** Runs a program in the gateway's folder; rejects with what it wrote when it does not end well. */
async function run(program: string, args: readonly string[]): Promise<string> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const { stdout, stderr } = await promisify(execFile)(program, args, { cwd: FOLDER, env })
  return stdout + stderr
}

describeWith(['python3'], 'The unit tests of marginwatch.py', ([python]) => {
  it('pass, and nothing is left open', async () => {
    expect(await run(python, ['-W', 'error::ResourceWarning', '-m', 'unittest'])).toMatch(/\nOK\n$/)
  })
})

describeWithFixture('marginwatch.py', (fixture) => {
  it('is formatted', async () => {
    await run(fixture.program('ruff'), ['format', '--check', '--no-cache', '.'])
  })

  it('has nothing that its linter would mind', async () => {
    await run(fixture.program('ruff'), ['check', '--no-cache', '.'])
  })

  it('has types that fit, strictly', async () => {
    await run(fixture.program('mypy'), ['--cache-dir', join(fixture.folder, 'mypy')])
  })
})
