import type { Aggregation } from './query.ts'
import type { Measure } from './view.ts'

type Value = number | string
export type Aggregated = number | null | readonly (readonly [lower: number, upper: number, height: number])[]

const QUANTILES: Readonly<Partial<Record<Aggregation, number>>> = {
  p50: 0.5,
  p75: 0.75,
  p90: 0.9,
  p95: 0.95,
  p99: 0.99,
}
const DEFAULT_BINS = 10

/** Puts the values of a group together; rows that have none are left out. */
export function aggregated(
  values: readonly Value[],
  aggregation: Aggregation,
  kind: string,
  bins?: number,
): Aggregated {
  if (aggregation === 'count') return values.length
  if (aggregation === 'uniq') return new Set(values).size
  const numbers = values as readonly number[]
  if (aggregation === 'histogram') return histogram(numbers, bins ?? DEFAULT_BINS)
  if (aggregation === 'sum') return values.length === 0 && kind === 'decimal' ? null : sum(numbers)
  if (values.length === 0) return null
  if (aggregation === 'avg') return sum(numbers) / numbers.length
  if (aggregation === 'max') return numbers.reduce((a, b) => Math.max(a, b))
  if (aggregation === 'min') return numbers.reduce((a, b) => Math.min(a, b))
  return quantile(numbers, QUANTILES[aggregation] ?? 0)
}

/** Whether ClickHouse keeps the result in a 64-bit integer. */
export function isIntegral(aggregation: Aggregation, kind: Measure<never>['kind']): boolean {
  if (aggregation === 'count' || aggregation === 'uniq') return true
  return kind === 'integer' && (aggregation === 'sum' || aggregation === 'min' || aggregation === 'max')
}

/** To twelve places, as ClickHouse keeps money: without the noise of adding binary floats. */
function sum(values: readonly number[]): number {
  const total = values.reduce((a, b) => a + b, 0)
  return Number.isInteger(total) ? total : Number(total.toFixed(12))
}

/** With the part between two neighbours, as ClickHouse's `quantile` has it. */
function quantile(values: readonly number[], level: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = level * (sorted.length - 1)
  const low = sorted[Math.floor(place)] ?? 0
  const high = sorted[Math.ceil(place)] ?? low
  return low + (high - low) * (place - Math.floor(place))
}

function histogram(values: readonly number[], bins: number): readonly (readonly [number, number, number])[] {
  if (values.length === 0) return []
  const low = values.reduce((a, b) => Math.min(a, b))
  const high = values.reduce((a, b) => Math.max(a, b))
  if (low === high) return [[low, high, values.length]]
  const width = (high - low) / bins
  const heights = Array.from({ length: bins }, () => 0)
  for (const value of values) {
    const bin = Math.min(bins - 1, Math.floor((value - low) / width))
    heights[bin] = (heights[bin] ?? 0) + 1
  }
  return heights.map((height, bin) => [low + bin * width, low + (bin + 1) * width, height] as const)
}
