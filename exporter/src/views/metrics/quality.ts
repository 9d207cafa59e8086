import { LABEL_BOUNDS, METRICS, MOST_SCORES } from '../../catalogue.ts'
import { OTHER, UNKNOWN } from '../../usage.ts'
import type { Collector, Family, Sample } from './sample.ts'

/** Runs of a tool of one outcome; null = the tool has no name. Those that were first recorded of a name come first. */
export interface ToolReading {
  readonly tool: string | null
  readonly status: string
  /** By their first version; and what later versions added and took away. */
  readonly runs: bigint
  readonly up: bigint
  readonly down: bigint
  /** When the first was recorded, epoch milliseconds. */
  readonly since: number
}

/** Scores of one name, and what they judge; null = not known. */
export interface ScoreReading {
  readonly score: string
  readonly model: string | null
  readonly queryType: string | null
  readonly prompt: { readonly name: string; readonly version: string | null } | null
  readonly count: number
  readonly average: number
}

export interface QualityReaders {
  /** Null while nothing can be said: half a month is not a month. */
  readonly tools: () => readonly ToolReading[] | null
  readonly scores: () => readonly ScoreReading[] | null
}

/** What trace stores saw of tools, and how they judge. */
export function qualityCollector(read: QualityReaders): Collector {
  const tools = toolFamilies()
  return {
    name: 'quality',
    collect() {
      const [runs, scores] = [read.tools(), read.scores()]
      return [...(runs === null ? [] : tools(runs)), ...(scores === null ? [] : scoreFamilies(scores))]
    },
  }
}

interface Counted {
  readonly sample: Sample & { readonly created: number }
  total: bigint
}

/** Keeps the sample of each series, so that its moment of birth stays. */
function toolFamilies(): (readings: readonly ToolReading[]) => Family[] {
  const kept = { runs: new Map<string, Counted>(), corrections: new Map<string, Counted>() }
  return (readings) => {
    for (const family of Object.values(kept)) for (const cell of family.values()) cell.total = 0n
    const label = firstCome(LABEL_BOUNDS.tool)
    for (const { tool, status, runs, up, down, since } of readings) {
      const own = label(tool ?? UNKNOWN)
      add(kept.runs, [own, status], runs, since)
      add(kept.corrections, [own, status, 'up'], up, since)
      add(kept.corrections, [own, status, 'down'], down, since)
    }
    return [
      { metric: METRICS.toolCalls, samples: shown(kept.runs) },
      { metric: METRICS.toolCallCorrections, samples: shown(kept.corrections) },
    ]
  }
}

function add(cells: Map<string, Counted>, labels: readonly string[], amount: bigint, created: number): void {
  const key = labels.join(SEPARATOR)
  const known = cells.get(key)
  if (known) known.total += amount
  else if (amount > 0n) cells.set(key, { sample: { labels, value: '0', created }, total: amount })
}

function shown(cells: Map<string, Counted>): Sample[] {
  return [...cells.values()].map(({ sample, total }) => {
    sample.value = String(total)
    return sample
  })
}

/** The first ones have series of their own. A value that is called like the sum of the rest stays in the rest. */
function firstCome(bound: number): (value: string) => string {
  const named = new Set<string>()
  return (value) => {
    if (value !== OTHER && named.size < bound) named.add(value)
    return named.has(value) ? value : OTHER
  }
}

/** Of what happened within a window those with the most scores have series, so that they choose anew with each reading. */
function scoreFamilies(readings: readonly ScoreReading[]): Family[] {
  const names = {
    score: firstCome(LABEL_BOUNDS.score),
    model: firstCome(LABEL_BOUNDS.model),
    queryType: firstCome(LABEL_BOUNDS.query_type),
    prompt: firstCome(LABEL_BOUNDS.prompt),
  }
  const sums = new Map<string, { readonly labels: readonly string[]; count: number; sum: number }>()
  for (const { score, model, queryType, prompt, count, average } of readings.toSorted(byCount)) {
    const own = names.score(score)
    const all = [
      own,
      names.model(model ?? UNKNOWN),
      names.queryType(queryType ?? UNKNOWN),
      names.prompt(promptText(prompt)),
    ]
    const labels = sums.has(all.join(SEPARATOR)) || sums.size < MOST_SCORES ? all : [own, OTHER, OTHER, OTHER]
    const key = labels.join(SEPARATOR)
    const known = sums.get(key) ?? { labels, count: 0, sum: 0 }
    known.count += count
    known.sum += average * count
    sums.set(key, known)
  }
  const all = [...sums.values()]
  return [
    {
      metric: METRICS.scoreAverage,
      samples: all.map(({ labels, count, sum }) => ({ labels, value: decimal(sum / count) })),
    },
    { metric: METRICS.scores, samples: all.map(({ labels, count }) => ({ labels, value: String(count) })) },
  ]
}

function byCount(a: ScoreReading, b: ScoreReading): number {
  return b.count - a.count
}

/** `name:version`, as people name prompts. */
function promptText(prompt: ScoreReading['prompt']): string {
  if (prompt === null) return UNKNOWN
  return prompt.version === null ? prompt.name : `${prompt.name}:${prompt.version}`
}

/** Nine significant digits: what floats add up to beyond them is noise. */
function decimal(value: number): string {
  return String(Number(value.toPrecision(9)))
}

const SEPARATOR = '\u001f'
