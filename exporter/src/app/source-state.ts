import type { LangfusePolicy, Policy } from '../policy/policy.ts'
import { BEHIND } from '../sources/langfuse/notes.ts'
import type { SourceHealth as RunnerHealth } from '../sources/runner.ts'
import type { SourceState } from '../views/health/readings.ts'
import type { SourceHealth as MetricHealth } from '../views/metrics/sources.ts'

/** A push that brought nothing for this long is called silent: a gateway in use has calls more often than that. */
const SILENT_PUSH_MS = 15 * 60_000
/** A poll that had no answer for this many of its turns is called silent. */
const SILENT_TURNS = 5

/** Sources that the policy uses; the others are open and idle, and nobody needs to hear of them. */
export function isUsed(name: string, policy: Policy): boolean {
  const { litellm, docker } = policy.sources
  if (isLangfuse(name)) return langfuseOf(name, policy) !== null
  if (name === 'docker') return docker !== null
  return name === 'litellm' ? litellm.push : litellm.poll !== null
}

/** How a source is doing, for people: what it last did, and whether it should have spoken since. */
export function sourceState(health: RunnerHealth, policy: Policy, now: number, startedAt: number): SourceState {
  const { name, lastSuccess, note } = health
  const seen = lastSuccess ?? startedAt
  if (health.catchingUp)
    return { name, state: 'catching up', since: null, lastSuccess, detail: 'bringing in old calls' }
  if (health.up === false) {
    return { name, state: 'failing', since: health.lastErrorAt, lastSuccess, detail: health.lastError }
  }
  const backlog = backlogOf(health, now)
  if (backlog !== null) return { name, state: 'degraded', since: backlog.since, lastSuccess, detail: backlog.detail }
  const quiet = silentAfter(name, policy)
  if (now - seen > quiet) {
    return { name, state: 'silent', since: seen, lastSuccess, detail: lastSuccess === null ? NEVER : null }
  }
  return { name, state: 'ok', since: null, lastSuccess, detail: lastSuccess === null ? NEVER : note }
}

const NEVER = 'nothing has arrived yet'

/** A gateway that holds records for longer than this is behind: it should have sent them within seconds. */
const OLD_BACKLOG_MS = 60_000
/** A backlog's age is told in steps, so that what is said changes seldom. */
const AGES = [
  [86_400_000, 'a day'],
  [3_600_000, 'an hour'],
  [600_000, 'ten minutes'],
  [OLD_BACKLOG_MS, 'a minute'],
] as const

function backlogOf({ gateway }: RunnerHealth, now: number): { since: number; detail: string } | null {
  const oldest = gateway?.spool?.oldest ?? null
  const [, age] = AGES.find(([ms]) => oldest !== null && now - oldest > ms) ?? []
  if (oldest === null || age === undefined) return null
  return {
    since: oldest + OLD_BACKLOG_MS,
    detail: `the gateway still holds records that are more than ${age} old (marginwatch_gateway_spool_events says how many)`,
  }
}

const LANGFUSE = /^langfuse(?::(.*))?$/

function isLangfuse(name: string): boolean {
  return LANGFUSE.test(name)
}

/** The project that a unit reads; a unit without a name of its own reads the only one that there was at the start. */
function langfuseOf(name: string, { sources }: Policy): LangfusePolicy | null {
  const [, project] = LANGFUSE.exec(name) ?? []
  const found = sources.langfuse.find((one) => project === undefined || one.name === project)
  return found ?? null
}

/** Whether Langfuse still tells of what lies behind: what it has not told of yet is not missing. */
export function isReadingTraces({ name, up, note }: RunnerHealth): boolean {
  return isLangfuse(name) && (up === null || note?.startsWith(BEHIND) === true)
}

function silentAfter(name: string, policy: Policy): number {
  const project = isLangfuse(name) ? langfuseOf(name, policy) : null
  if (project !== null) return SILENT_TURNS * project.everyMs + project.timeoutMs
  const { litellm, docker } = policy.sources
  if (name === 'docker' && docker !== null) return SILENT_TURNS * docker.everyMs + docker.timeoutMs
  const { poll } = litellm
  if (name === 'litellm' || poll === null) return SILENT_PUSH_MS
  const everyMs = name === 'litellm_directory' ? poll.directoryMs : poll.everyMs
  return SILENT_TURNS * everyMs + poll.timeoutMs
}

/** The same for metrics. */
export function metricHealth(health: RunnerHealth, startedAt: number): MetricHealth {
  const { name, up, lastSuccess, lastError, catchingUp, events } = health
  return { name, up, lastSuccess, lastError, catchingUp, since: startedAt, counts: events }
}
