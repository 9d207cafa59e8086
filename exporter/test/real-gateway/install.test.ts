import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { scratch } from '../support/ledger.ts'
import { run } from '../support/run.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const FIXTURE = join(ROOT, 'gateway/fixture')

let folder: Awaited<ReturnType<typeof scratch>>
beforeEach(async () => {
  folder = await scratch()
})
afterEach(() => folder.remove())

/** Puts programs of these names, shell scripts, alone on PATH. */
async function pathWith(programs: Readonly<Record<string, string>>): Promise<string> {
  const path = join(folder.path, 'bin')
  await mkdir(path, { recursive: true })
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(path, name), `#!/bin/sh\n${script}\n`)
    await chmod(join(path, name), 0o755)
  }
  return path
}

const install = async (programs: Readonly<Record<string, string>>) => {
  const env = { PATH: await pathWith(programs), XDG_CACHE_HOME: join(folder.path, 'cache') }
  return run(process.execPath, [join(FIXTURE, 'install.mjs')], { env })
}

/** A Python as the installer sees it: its numbers, where it is, whether it can make environments; it can do nothing. */
const python = (numbers: string, hasVenv: boolean) =>
  `[ "$1" = -c ] && echo '[[${numbers}], "${join(folder.path, 'bin/python3')}", ${hasVenv}]' && exit 0
echo "no disk for $*" >&2; exit 7`

describe('installing the real LiteLLM', () => {
  it('says in a sentence which Python is needed, and which was found', async () => {
    const none = await install({})
    expect([none.code, none.stdout]).toEqual([1, ''])
    expect(none.stderr).toBe(
      'The gateway needs Python 3.10 or newer, before 3.15, with venv; there is no Python on PATH. ' +
        'Install it (Debian packages python3 and python3-venv) and start again.\n',
    )
    const old = await install({ python3: python('3, 9, 2', true) })
    expect(old.stderr).toContain(`with venv; ${join(folder.path, 'bin/python3')} is 3.9.2. Install it`)
    const bare = await install({ python3: python('3, 11, 2', false) })
    expect(bare.stderr).toContain('python3 (3.11.2) lacks the modules venv and ensurepip. Install it')
  })

  it('says why it failed, leaves nothing that could be taken for whole, and begins anew the next time', async () => {
    const server = { initdb: '', postgres: 'echo "postgres (PostgreSQL) 15.1"', id: 'echo 1000' }
    const programs = { ...server, python3: python('3, 11, 2', true) }
    const first = await install(programs)
    expect(first.code, first.stderr).toBe(1)
    expect(first.stderr).toMatch(
      /LiteLLM from PyPI … failed\n[^\n]*-m venv [^\n]*\nended with 7; it said:\nno disk for -m venv/,
    )
    const cache = join(folder.path, 'cache/marginwatch')
    const [made = '', ...more] = await readdir(cache)
    expect([made, more]).toEqual([expect.stringMatching(/^litellm-\d+\.\d+\.\d+-[0-9a-f]{12}$/), []])
    await writeFile(join(cache, made, 'left-over'), '')
    expect((await install(programs)).stderr).toContain('LiteLLM from PyPI … failed')
    expect(await readdir(join(cache, made))).toEqual([])
  })
})

describe('the lock of the installer', () => {
  const withLock = (work: string) =>
    run(process.execPath, ['--input-type=module', '-e', `${PREAMBLE}\n${work}`], {
      env: {
        LOCK: join(folder.path, 'lock'),
        COUNTER: join(folder.path, 'counter'),
        MODULE: join(FIXTURE, 'lock.mjs'),
      },
    })
  const count = () => readFile(join(folder.path, 'counter'), 'utf8')
  beforeEach(() => writeFile(join(folder.path, 'counter'), '0'))

  it('lets one process work at a time', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => withLock(COUNT)))
    expect(all.map(({ code, stderr }) => [code, stderr])).toEqual(all.map(() => [0, '']))
    expect(await count()).toBe('6')
    expect(await readdir(folder.path)).toEqual(['counter'])
  })

  it('counts for nothing when its process has ended, also for several who wait', async () => {
    const { stdout: pid } = await run(process.execPath, ['-p', 'process.pid'])
    await writeFile(join(folder.path, 'lock'), pid.trim())
    await Promise.all(Array.from({ length: 4 }, () => withLock(COUNT)))
    expect(await count()).toBe('4')
    expect(await readdir(folder.path)).toEqual(['counter'])
  })

  it('is waited for, with a word on who has it, and goes when the work fails', async () => {
    const own = String(process.pid)
    await writeFile(join(folder.path, 'lock'), own)
    const free = `const free = () => fs.rmSync(env.LOCK)`
    const waiting = await withLock(`${free}\nawait withLock(env.LOCK, () => {}, (pid) => { console.log(pid); free() })`)
    expect(waiting.stdout).toBe(`${own}\n`)
    const failing = await withLock(`await withLock(env.LOCK, async () => { throw new Error('no disk') }, () => {})`)
    expect(failing.stderr).toContain('no disk')
    expect(await readdir(folder.path)).toEqual(['counter'])
  })
})

const PREAMBLE = `import fs from 'node:fs'
const { env } = process
const { withLock } = await import(env.MODULE)`
/** Loses counts when two do it at once. */
const COUNT = `await withLock(env.LOCK, async () => {
  const count = Number(fs.readFileSync(env.COUNTER, 'utf8'))
  await new Promise((resolve) => setTimeout(resolve, 20))
  fs.writeFileSync(env.COUNTER, String(count + 1))
}, () => {})`
