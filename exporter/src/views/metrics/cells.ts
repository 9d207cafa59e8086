import { type Nano, usd } from '@marginwatch/pricing'
import type { Metric } from '../../catalogue.ts'
import { decimalText } from './decimal.ts'
import type { Exemplar, Family, HistogramSample, Sample } from './sample.ts'

/** One series of a counter. `total` is exact; its text is made when it is asked for. */
export interface Cell extends Sample {
  readonly labels: readonly string[]
  readonly created: number
  total: bigint
  shown: bigint
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
      const cell: Cell = { labels, created: at, total: 0n, shown: 0n, value: '0' }
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
        if (cell.shown === cell.total) continue
        cell.shown = cell.total
        cell.value = text(cell.total)
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
  total: bigint
}

export interface Example {
  readonly trace: string
  /** In the unit of what is observed. */
  readonly value: bigint
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
        get sum() {
          return decimalText(this.total, places)
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
