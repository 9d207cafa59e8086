import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from './free-port.ts'

export interface PrometheusOptions {
  /** What it scrapes, e.g. `127.0.0.1:4321`, one or more; none: it scrapes nothing. */
  readonly target?: string | readonly string[]
  readonly metricsPath?: string
  /** As Prometheus writes durations; one second by default. A scrape that takes longer has failed. */
  readonly scrapeInterval?: string
  /** For `--enable-feature`. */
  readonly features?: readonly string[]
  /** Program to run; by default the one on PATH. */
  readonly program?: string
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  /** Seconds and the value as text. */
  readonly value: readonly [number, string]
}

export interface Prometheus {
  readonly url: string
  /** An instant query's vector. */
  query(promql: string): Promise<readonly Series[]>
  /** `data` of an API answer, e.g. `targets` or `query_exemplars?query=…`. */
  api(path: string): Promise<unknown>
  /**
   * Asks until the answer fits; returns that answer. Fails when Prometheus has ended, or has scraped its target 25 times
   * since and still answers something else.
   */
  until(promql: string, fits: (series: readonly Series[]) => boolean): Promise<readonly Series[]>
  close(): Promise<void>
}

/** A real Prometheus on a free port of 127.0.0.1 with its data in a temporary directory, ready to answer. */
export async function startPrometheus(options: PrometheusOptions = {}): Promise<Prometheus> {
  const directory = await mkdtemp(join(tmpdir(), 'marginwatch-prometheus-'))
  const config = join(directory, 'prometheus.yml')
  await writeFile(config, configText(options))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const running = start(options, [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    ...(options.features?.length ? [`--enable-feature=${options.features.join(',')}`] : []),
  ])
  const close = async () => {
    await running.stop()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await poll(running, async () => (await fetch(`${url}/-/ready`)).ok || null)
  } catch (error) {
    await close()
    throw error
  }
  const api = (path: string) => ask(`${url}/api/v1/${path}`)
  const query = async (promql: string) => {
    const data = (await api(`query?query=${encodeURIComponent(promql)}`)) as { result: readonly Series[] }
    return data.result
  }
  const until: Prometheus['until'] = (promql, fits) => {
    let first: number | null = null
    return poll(running, async () => {
      const scrapes = Number((await query('min(count_over_time(up[1h]))'))[0]?.value[1] ?? 0)
      first ??= scrapes
      const series = await query(promql)
      if (fits(series)) return series
      if (scrapes - first < ENOUGH_SCRAPES) return null
      const targets = JSON.stringify(await api('targets?state=active'))
      const many = `${scrapes - first} scrapes`
      throw new Error(`after ${many} ${promql} still gives ${JSON.stringify(series)}; targets: ${targets}`)
    })
  }
  return { url, api, query, until, close }
}

const ENOUGH_SCRAPES = 25

interface Running {
  /** Why it has ended, or null while it runs. */
  ended(): string | null
  stop(): Promise<void>
}

function start({ program = 'prometheus' }: PrometheusOptions, args: readonly string[]): Running {
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  let end: string | null = null
  child.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4_000)
  })
  const over = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      end = `${program} did not start: ${error.message}`
      resolve()
    })
    child.once('exit', (code, signal) => {
      end ??= `${program} ended with ${code ?? signal}:\n${log}`
      resolve()
    })
  })
  return {
    ended: () => end,
    async stop() {
      child.kill('SIGTERM')
      await over
    },
  }
}

/** Asks every 50 ms until there is an answer. Refused connections are no answer; an ended Prometheus is an error. */
async function poll<T>(running: Running, ask: () => Promise<T | null>): Promise<T> {
  for (;;) {
    const ended = running.ended()
    if (ended !== null) throw new Error(ended)
    const answer = await ask().catch((error: unknown) => {
      if (error instanceof TypeError) return null
      throw error
    })
    if (answer !== null) return answer
    await pause(50)
  }
}

async function ask(url: string): Promise<unknown> {
  const response = await fetch(url)
  const body = (await response.json()) as { status: string; error?: string; data: unknown }
  if (body.status !== 'success') throw new Error(`${url} answered ${response.status}: ${body.error}`)
  return body.data
}

function configText({ target = [], metricsPath = '/metrics', scrapeInterval = '1s' }: PrometheusOptions): string {
  const targets = [target].flat()
  const job = { job_name: 'test', metrics_path: metricsPath, static_configs: [{ targets }] }
  // JSON is YAML.
  return JSON.stringify({
    global: { scrape_interval: scrapeInterval, scrape_timeout: scrapeInterval },
    scrape_configs: targets.length === 0 ? [] : [job],
  })
}
