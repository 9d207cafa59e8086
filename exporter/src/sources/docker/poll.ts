import { type DockerClient, dockerClient } from '../../clients/docker.ts'
import { HttpError } from '../../clients/http.ts'
import type { DockerPolicy } from '../../policy/policy.ts'
import type { Close, Recorder, SourceDeps } from '../source.ts'
import { openBook } from './book.ts'
import type { ContainerKeeper } from './containers.ts'
import { type Looked, look } from './look.ts'
import { ofHttp, retryOf } from './retry.ts'

/** How long a pause goes on before it looks whether the policy has changed. */
const GLANCE = 5000

/**
 * Reads the engine's containers every `every`: what they are doing into `containers`, what they have used into the ledger. An
 * engine that cannot be reached, or is slow, is asked again ever later; its counters tell then what was used meanwhile. Returns
 * what ends it, within a moment also in the middle of a call.
 */
export function pollDocker(containers: ContainerKeeper, recorder: Recorder, deps: SourceDeps): Close {
  const stop = new AbortController()
  const { signal } = stop
  const book = openBook(recorder, deps)
  const { report, now } = deps
  let settings: DockerPolicy | null = null
  let client: DockerClient | null = null
  let failures = 0
  /** Whether the engine was asked for its version. */
  let greeted = false

  /** What another engine said must not stand for this one. */
  function follow(next: DockerPolicy | null): void {
    if (next === settings) return
    client?.close()
    if (next?.url !== settings?.url || next?.project !== settings?.project) {
      containers.forget()
      report.noted(null)
    }
    settings = next
    client = next === null ? null : dockerClient({ url: next.url, timeoutMs: next.timeoutMs, now })
    failures = 0
    greeted = false
  }

  /** Returns how long to wait. */
  async function round(client: DockerClient, settings: DockerPolicy): Promise<number> {
    try {
      if (!greeted) await client.ping(signal)
      greeted = true
      const looked = await look({ client, project: settings.project, now, signal })
      containers.keep(looked.seen)
      report.noted(noteOf(looked))
      await book.count(looked, settings)
      report.succeeded()
      failures = 0
      return settings.everyMs
    } catch (error) {
      if (signal.aborted) return 0
      // After a failure it may be another engine that answers.
      greeted = false
      if (error instanceof HttpError) containers.forget()
      const { delayMs, reason } = retryOf(error, failures++, deps.random)
      report.failed(reason)
      return delayMs
    }
  }

  /** Waits, but not beyond a change of the policy: it may be the remedy. */
  async function pause(ms: number): Promise<void> {
    for (let left = ms; left > 0 && !signal.aborted; left -= GLANCE) {
      if (deps.policy().sources.docker !== settings) return
      await deps.sleep(Math.min(left, GLANCE), signal)
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      follow(deps.policy().sources.docker)
      await pause(client === null || settings === null ? GLANCE : await round(client, settings))
    }
  }

  const running = run()
  return async () => {
    stop.abort()
    await running
    client?.close()
    await book.close()
  }
}

/** What could not be read though the engine answers, in a sentence; null when all was. */
function noteOf({ seen, failed }: Looked): string | null {
  const [first] = failed
  if (first === undefined) return null
  const { error } = first
  const why = error instanceof HttpError ? ofHttp(error) : String(error)
  return `${failed.length} of ${seen.length + failed.length} containers could not be read; ${first.name}: ${why}`
}
