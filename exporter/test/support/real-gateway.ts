import { randomBytes } from 'node:crypto'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { freePort } from './free-port.ts'
import { type Postgres, startPostgres } from './postgres.ts'
import { realFixture } from './real-fixture.ts'
import { type ServerProcess, startServer } from './server-process.ts'

export interface RealGatewayOptions {
  /** LiteLLM's configuration, YAML; its master key is `os.environ/LITELLM_MASTER_KEY`. */
  readonly config: string
  /** Python files that the configuration's callbacks name; they are put beside the configuration at each start. */
  readonly hooks?: readonly string[]
  /** For LiteLLM, over the little that it is given; nothing of the tests' own environment gets there. */
  readonly env?: Readonly<Record<string, string>>
  /** One by default. */
  readonly workers?: number
  /** By default one of its own, which ends with it. */
  readonly database?: Postgres
}

export interface RealGateway {
  readonly url: string
  readonly masterKey: string
  readonly database: Postgres
  /** Of the process that was started last. */
  pid(): number
  /** All that LiteLLM wrote, of all its starts. */
  logs(): string
  /** Posts as the master key and returns the answer's JSON; rejects with the answer when it is an error. */
  call(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<unknown>
  /** All rows of `/spend/logs/v2`, the newest first. */
  spendLog(): Promise<readonly Readonly<Record<string, unknown>>[]>
  /** Sends the signal (by default SIGTERM) to LiteLLM and waits for its end; resolves with its exit code or signal. */
  stop(signal?: NodeJS.Signals): Promise<number | string>
  /** Ends LiteLLM with its workers and its query engine at once, as a power cut would. */
  kill(): Promise<void>
  /** Starts it again, on the same port and database; stops it before, if it runs. */
  restart(): Promise<void>
  /** Ends all that is left and removes its files. */
  close(): Promise<void>
}

/**
 * The real LiteLLM with a real PostgreSQL on 127.0.0.1, ready to answer. Rejects with its log when it ends instead. It takes
 * as long as it takes; a test that starts one closes it, also when the test fails.
 */
export async function startRealGateway(options: RealGatewayOptions): Promise<RealGateway> {
  const directory = await mkdtemp(join(tmpdir(), 'marginwatch-gateway-'))
  const database = options.database ?? (await startPostgres())
  const site: Site = { directory, database, port: await freePort(), masterKey: `sk-${randomBytes(24).toString('hex')}` }
  const url = `http://127.0.0.1:${site.port}`
  const starts: ServerProcess[] = []
  const running = () => starts[starts.length - 1]
  const start = async () => {
    const litellm = await startLitellm(options, site)
    starts.push(litellm)
    await litellm.untilTrue(async () => (await fetch(`${url}/health/liveliness`)).ok)
    // One worker answers for all.
    await litellm.until((log) => log.split(WORKER_IS_READY).length > (options.workers ?? 1))
  }
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => (await running()?.stop(signal)) ?? 'never started'
  const kill = async () => running()?.kill()
  const close = async () => {
    await kill()
    if (options.database === undefined) await database.close()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await close()
    throw error
  }
  return {
    url,
    masterKey: site.masterKey,
    database,
    pid: () => running()?.pid ?? -1,
    logs: () => starts.map((one) => one.output()).join(''),
    ...clientOf(url, site.masterKey),
    stop,
    kill,
    async restart() {
      await stop()
      await start()
    },
    close,
  }
}

function clientOf(url: string, masterKey: string): Pick<RealGateway, 'call' | 'spendLog'> {
  const authorized = { authorization: `Bearer ${masterKey}`, 'content-type': 'application/json' }
  const ask = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(url + path, { ...init, headers: { ...authorized, ...init.headers } })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`)
    return JSON.parse(text) as unknown
  }
  return {
    call: (path, body, headers = {}) => ask(path, { method: 'POST', body: JSON.stringify(body), headers }),
    async spendLog() {
      const rows: Readonly<Record<string, unknown>>[] = []
      for (let page = 1; ; page++) {
        const period = 'start_date=2000-01-01%2000:00:00&end_date=2100-01-01%2000:00:00'
        const { data, total_pages: pages } = (await ask(`/spend/logs/v2?${period}&page=${page}&page_size=100`)) as Log
        rows.push(...data)
        if (page >= pages) return rows
      }
    },
  }
}

interface Log {
  readonly data: readonly Readonly<Record<string, unknown>>[]
  readonly total_pages: number
}

const WORKER_IS_READY = 'Application startup complete.'

interface Site {
  readonly directory: string
  readonly database: Postgres
  readonly port: number
  readonly masterKey: string
}

async function startLitellm(
  { config, hooks = [], env, workers = 1 }: RealGatewayOptions,
  site: Site,
): Promise<ServerProcess> {
  const { directory, database, port, masterKey } = site
  const fixture = realFixture()
  const file = join(directory, 'config.yaml')
  await writeFile(file, config)
  for (const hook of hooks) await copyFile(hook, join(directory, basename(hook)))
  return startServer({
    program: fixture.program('litellm'),
    args: ['--config', file, '--host', '127.0.0.1', '--port', String(port), '--num_workers', String(workers)],
    cwd: directory,
    env: {
      ...fixture.environment,
      DATABASE_URL: database.url,
      LITELLM_MASTER_KEY: masterKey,
      LITELLM_SALT_KEY: masterKey,
      PYTHONPATH: directory,
      PYTHONUNBUFFERED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      // What one test's gateway has not delivered is no business of another's.
      MARGINWATCH_SPOOL: join(directory, 'spool'),
      // What LiteLLM and its packages keep in a home goes with the test.
      HOME: directory,
      TMPDIR: tmpdir(),
      LANG: 'C.UTF-8',
      ...env,
    },
  })
}
