import type { Close, Ledger, Row } from '../ledger/ledger.ts'
import { qualityCollector, type ScoreReading, type ToolReading } from '../views/metrics/quality.ts'
import type { Collector } from '../views/metrics/sample.ts'
import { NO_QUALITY, type QualityModel } from '../views/page/quality-model.ts'

export interface QualityDeps {
  readonly ledger: Pick<Ledger, 'query' | 'health' | 'follow'>
  readonly now: () => number
  /** Whether a trace store is asked at all. */
  readonly asked: () => boolean
  /** The first back-fill runs: half a month is not a month. */
  readonly catchingUp: () => boolean
}

export interface RunningQuality {
  readonly collector: Collector
  /** Adds what was recorded of runs of tools since the last time; asks nothing where nothing was. */
  count(): Promise<void>
  /** Asks the ledger again for the last day; does nothing while no trace store is asked. */
  refresh(): Promise<void>
  /** For the page. */
  state(): QualityModel
  readonly close: Close
}

const DAY_MS = 86_400_000
const TOP = 10

/** What trace stores saw of tools and how they judge: counted over the whole ledger, and of the last 24 hours. */
export function createQuality({ ledger, now, asked, catchingUp }: QualityDeps): RunningQuality {
  const runs = createRuns()
  // Calls come by the thousand, and observations are looked for among all that there are.
  let grown = true
  const close = ledger.follow(ledger.health().seq + 1, (batch) => {
    grown ||= batch.some(({ entry }) => entry.kind === 'observation')
  })
  let lately: { readonly scores: readonly ScoreReading[]; readonly page: QualityModel } | null = null
  return {
    collector: qualityCollector({
      tools: () => (catchingUp() ? null : runs.all()),
      scores: () => (catchingUp() ? null : (lately?.scores ?? null)),
    }),
    async count() {
      if (!grown) return
      grown = false
      const to = ledger.health().seq
      try {
        runs.add(await ledger.query('tool_runs', { after: runs.upTo(), to }), to)
      } catch (cause) {
        grown = true
        throw cause
      }
    },
    async refresh() {
      if (!asked()) {
        lately = null
        return
      }
      const window = { from: now() - DAY_MS, to: now() }
      const scores = (await ledger.query('scores', window)).flatMap(scoreReading)
      lately = { scores, page: { tools: toolRows(await ledger.query('observed_tools', window)), ...scoreRows(scores) } }
    },
    state: () => lately?.page ?? NO_QUALITY,
    close,
  }
}

interface Runs {
  /** Number of the last entry that is in it. */
  upTo(): number
  add(rows: readonly Row[], upTo: number): void
  all(): readonly ToolReading[]
}

/** Sums by tool and outcome, in the order in which they were first recorded. */
function createRuns(): Runs {
  const sums = new Map<string, ToolReading>()
  let upTo = 0
  return {
    upTo: () => upTo,
    add(rows, to) {
      for (const row of rows) {
        const key = `${String(row.name)}\u001f${String(row.status)}`
        const known = sums.get(key)
        sums.set(key, {
          tool: named(row.name),
          status: String(row.status),
          runs: (known?.runs ?? 0n) + whole(row.n),
          up: (known?.up ?? 0n) + whole(row.up),
          down: (known?.down ?? 0n) + whole(row.down),
          since: known?.since ?? Number(row.first_at),
        })
      }
      upTo = to
    },
    all: () => [...sums.values()],
  }
}

function scoreReading(row: Row): ScoreReading[] {
  const average = Number(row.average)
  if (!Number.isFinite(average)) return []
  const prompt = named(row.prompt_name)
  return [
    {
      score: String(row.name),
      model: named(row.model),
      queryType: named(row.query_type),
      prompt: prompt === null ? null : { name: prompt, version: named(row.prompt_version) },
      count: Number(row.n),
      average,
    },
  ]
}

/** The most used first, each with all its outcomes. */
function toolRows(rows: readonly Row[]): QualityModel['tools'] {
  const tools = new Map<string, { calls: number; failed: number }>()
  for (const row of rows) {
    const name = String(row.name)
    const known = tools.get(name) ?? { calls: 0, failed: 0 }
    known.calls += Number(row.calls)
    if (row.status === 'failed') known.failed += Number(row.calls)
    tools.set(name, known)
  }
  return [...tools]
    .map(([name, sums]) => ({ tool: named(name), ...sums }))
    .toSorted((a, b) => b.calls - a.calls)
    .slice(0, TOP)
}

/** By name, the most given first. */
function scoreRows(readings: readonly ScoreReading[]): Pick<QualityModel, 'scores'> {
  const names = new Map<string, { count: number; sum: number }>()
  for (const { score, count, average } of readings) {
    const known = names.get(score) ?? { count: 0, sum: 0 }
    names.set(score, { count: known.count + count, sum: known.sum + average * count })
  }
  const scores = [...names].map(([score, { count, sum }]) => ({ score, count, average: sum / count }))
  return { scores: scores.toSorted((a, b) => b.count - a.count).slice(0, TOP) }
}

function named(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function whole(value: unknown): bigint {
  return BigInt(value as bigint | number)
}
