import { type Nano, usd } from '@marginwatch/pricing'
import type { Metric } from '../../catalogue.ts'
import { decimalText } from './decimal.ts'
import type { Exemplar, Family, HistogramSample, Sample } from './sample.ts'

/** One series of a counter, exact: what is settled, and on top of it what still fits into a number. */
export interface Cell extends Sample {
  readonly labels: readonly string[]
  readonly created: number
  settled: bigint
  recent: number
  changed: boolean
}

/** Adds exactly. Adding up in a number while that is exact is many times faster than in a bigint. */
export function add(cell: Cell, amount: bigint | number): void {
  const sum = typeof amount === 'number' ? cell.recent + amount : Number.POSITIVE_INFINITY
  if (sum <= Number.MAX_SAFE_INTEGER) cell.recent = sum
  else cell.settled += BigInt(amount)
  cell.changed = true
}

export function totalOf(cell: Cell): bigint {
  return cell.settled + BigInt(cell.recent)
}

/** Money as a number where that is exact, which is all but always: `add` is then faster. */
export function light(amount: bigint): bigint | number {
  return amount <= Number.MAX_SAFE_INTEGER && amount >= 0n ? Number(amount) : amount
}

export interface CounterFamily {
  /** The series with these label values; made at zero, with its moment of birth, when it is new. */
  cell(labels: readonly string[], at: number): Cell
  /** Gives up all series of which this is true, and returns them. */
  remove(which: (cell: Cell) => boolean): Cell[]
  family(): Family
}

/** `usd`: totals are nano-dollars, shown as exact dollars. `count`: shown as they are. */
export type Unit = 'usd' | 'count'

const SEPARATOR = '\u001f'

export function counterFamily(metric: Metric & { type: 'counter' }, unit: Unit): CounterFamily {
  const cells = new Map<string, Cell>()
  const text = unit === 'usd' ? (total: Nano) => usd(total) : (total: bigint) => total.toString()
  return {
    cell(labels, at) {
      const key = labels.join(SEPARATOR)
      const known = cells.get(key)
      if (known) return known
      const cell: Cell = { labels, created: at, settled: 0n, recent: 0, changed: false, value: '0' }
      cells.set(key, cell)
      return cell
    },
    remove(which) {
      const gone: Cell[] = []
      for (const [key, cell] of cells) {
        if (!which(cell)) continue
        cells.delete(key)
        gone.push(cell)
      }
      return gone
    },
    family() {
      for (const cell of cells.values()) {
        if (!cell.changed) continue
        cell.changed = false
        cell.value = text(totalOf(cell))
      }
      return { metric, samples: cells.values() }
    },
  }
}

/** One series of a histogram. */
export interface Distribution extends HistogramSample {
  readonly labels: readonly string[]
  readonly created: number
  readonly counts: number[]
  /** By bucket; the exemplar that is shown is made of it when it is asked for. */
  readonly examples: (Example | undefined)[]
  /** Exact sum: what is settled, and on top of it what still fits into a number. */
  total: bigint
  recent: number
}

export interface Example {
  readonly trace: string
  /** In the unit of what is observed. */
  readonly value: bigint | number
  readonly at: number
}

export interface DistributionFamily {
  series(labels: readonly string[], at: number): Distribution
  family(): Family
}

/** Observations are whole numbers of 10^-places of the metric's unit. */
export function distributionFamily(metric: Metric & { type: 'histogram' }, places: number): DistributionFamily {
  const all = new Map<string, Distribution>()
  const buckets = (metric.buckets ?? []).length + 1
  const shown = ({ trace, value, at }: Example): Exemplar => ({ trace, at, value: decimalText(value, places) })
  return {
    series(labels, at) {
      const key = labels.join(SEPARATOR)
      const known = all.get(key)
      if (known) return known
      const made: Distribution = {
        labels,
        created: at,
        counts: new Array<number>(buckets).fill(0),
        examples: [],
        total: 0n,
        recent: 0,
        get sum() {
          return decimalText(this.total + BigInt(this.recent), places)
        },
        get exemplars() {
          return this.examples.map((example) => example && shown(example))
        },
      }
      all.set(key, made)
      return made
    },
    family: () => ({ metric, samples: all.values() }),
  }
}

/** Counts an observation exactly. Adding up in a number while that is exact is many times faster than in a bigint. */
export function observe(series: Distribution, bucket: number, value: bigint | number): void {
  series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
  if (typeof value === 'number' && series.recent + value <= Number.MAX_SAFE_INTEGER) series.recent += value
  else series.total += BigInt(value)
}
