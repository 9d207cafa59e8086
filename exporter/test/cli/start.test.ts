import { createServer } from 'node:net'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { scratch } from '../support/ledger.ts'
import { runProgram, startProgram } from '../support/program.ts'

let folder: Awaited<ReturnType<typeof scratch>>
beforeEach(async () => {
  folder = await scratch()
})
afterEach(() => folder.remove())

/** Starts `serve` where it must refuse; there is no demonstration and the log is silent, so all that is written is for people. */
async function refused(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await runProgram({
    args: ['serve', '--no-demo', '--data', join(folder.path, 'data'), '--log-level', 'silent', ...args],
    env,
  })
  expect(stdout).toBe('')
  expect(stderr).not.toMatch(/^\s+at /m)
  return { code, said: stderr }
}

describe('the program refuses to start, with one sentence and exit code 1', () => {
  it('beyond loopback without keys, and says how they are set', async () => {
    const { code, said } = await refused(['--host', '0.0.0.0', '--port', '0'])
    expect(code).toBe(1)
    expect(said).toMatch(/^Refusing to start: found "0\.0\.0\.0", which other machines can reach, but no key .*\n$/)
    expect(said).toContain('MARGINWATCH_READER_KEY')
    expect(said).toContain('MARGINWATCH_INGEST_KEY')
    expect(said).toContain('or listen on 127.0.0.1')
    expect(await readdir(folder.path)).toEqual([])
  })

  it('when another process has the ledger, and names that process', async () => {
    const data = join(folder.path, 'data')
    const first = await startProgram({ args: ['serve', '--no-demo', '--port', '0', '--data', data] })
    const { code, said } = await refused(['--port', '0'])
    expect(await first.stop()).toBe(0)
    expect(code).toBe(1)
    expect(said).toBe(
      `the ledger ${data}/ledger.duckdb is in use by another process (PID ${first.pid}); one process writes a ledger: stop the other one, or give this one a directory of its own with --data\n`,
    )
  })

  it('when another program has the port, and names a way out', async () => {
    const other = createServer()
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port))
    })
    const { code, said } = await refused(['--port', String(port)])
    await new Promise((resolve) => other.close(resolve))
    expect(code).toBe(1)
    expect(said).toBe(
      `Cannot listen on port ${port} on 127.0.0.1: another program has it. Stop that one, or take another port: --port ${port + 1} (or PORT=${port + 1}).\n`,
    )
  })

  it('when this machine has no such address', async () => {
    const keys = { MARGINWATCH_READER_KEY: 'r'.repeat(32), MARGINWATCH_INGEST_KEY: 'i'.repeat(32) }
    const config = join(folder.path, 'p.yaml')
    await writeFile(config, POLICY_WITH_KEYS)
    const { code, said } = await refused(['--host', '192.0.2.1', '--port', '0', '--config', config], keys)
    expect({ code, said }).toEqual({
      code: 1,
      said: 'Cannot listen on port 0 on 192.0.2.1: this machine has no such address. Use 127.0.0.1, or 0.0.0.0 for all of its addresses.\n',
    })
  })

  it('on a policy file with mistakes, all of which it names with line and column', async () => {
    const config = join(folder.path, 'p.yaml')
    await writeFile(config, 'version: 1\nserver: { prot: 1 }\nsessions: { idle: 30 }\n')
    const { code, said } = await refused(['--config', config])
    expect(code).toBe(1)
    expect(said.split('\n').map((line) => line.replace(config, 'p.yaml'))).toEqual([
      'p.yaml:2:11: server.prot: unknown key; did you mean port? Allowed here: host, port, keys, body_limit',
      'p.yaml:3:19: sessions.idle: found "30", expected a duration from 1m to 7d in ms, s, m, h, d or w, e.g. 30m',
      '',
    ])
  })

  it('when the policy file that was named is not there', async () => {
    const config = join(folder.path, 'nowhere.yaml')
    expect(await refused(['--config', config])).toEqual({ code: 1, said: `${config}:1:1: there is no such file\n` })
  })

  it('when the place of the data is a file', async () => {
    await writeFile(join(folder.path, 'data'), '')
    const { code, said } = await refused(['--port', '0'])
    expect(code).toBe(1)
    expect(said).toMatch(/^the ledger .*data\/ledger\.duckdb cannot be (opened|written).*\n$/)
  })
})

describe('the program starts', () => {
  it('beyond loopback with keys, and answers nobody who has none', async () => {
    const keys = { MARGINWATCH_READER_KEY: 'r'.repeat(32), MARGINWATCH_INGEST_KEY: 'i'.repeat(32) }
    const config = join(folder.path, 'p.yaml')
    await writeFile(config, POLICY_WITH_KEYS)
    const args = ['serve', '--host', '0.0.0.0', '--port', '0', '--config', config, '--data', folder.path]
    const program = await startProgram({ args, env: keys })
    const status = async (path: string, key?: string) => {
      const headers = key === undefined ? {} : { authorization: `Bearer ${key}` }
      return (await fetch(`${program.url}${path}`, { headers })).status
    }
    const found = {
      page: await status('/'),
      metrics: await status('/metrics'),
      metricsWithKey: await status('/metrics', keys.MARGINWATCH_READER_KEY),
      quarantine: await status('/v1/sources/litellm/quarantine'),
      healthz: await status('/healthz'),
    }
    expect(await program.stop()).toBe(0)
    expect(found).toEqual({ page: 401, metrics: 401, metricsWithKey: 200, quarantine: 401, healthz: 200 })
    for (const key of Object.values(keys)) expect(program.output()).not.toContain(key)
  })

  it('with variables that are set to nothing as if they were not set', async () => {
    const policy = join(folder.path, 'marginwatch.yaml')
    await mkdir(join(folder.path, 'data'))
    await writeFile(policy, 'version: 1\nserver: { port: 0 }\n')
    const env = {
      PORT: '',
      MARGINWATCH_HOST: '',
      MARGINWATCH_CONFIG: '',
      MARGINWATCH_DATA: '',
      MARGINWATCH_LOG_LEVEL: '',
    }
    const program = await startProgram({ args: ['serve', '--no-demo'], cwd: folder.path, env })
    expect(await program.stop()).toBe(0)
    expect(await readdir(join(folder.path, 'data'))).toContain('ledger.duckdb')
  })
})

const POLICY_WITH_KEYS = `version: 1
server:
  keys:
    reader: "\${MARGINWATCH_READER_KEY}"
    ingest: "\${MARGINWATCH_INGEST_KEY}"
`
