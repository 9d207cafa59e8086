import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Metric } from '../../catalogue.ts'
import type { Captured } from './capture.ts'
import { familyLines } from './lines.ts'
import type { HistogramSample, Sample } from './sample.ts'
import { ExpositionError, type Series, SeriesIndex } from './series.ts'
import { type Format, familyName, looksDecimal } from './text.ts'

export interface RenderOptions {
  readonly format: Format
  /** Told of each family that cannot be written and is left out. What it throws ends the rendering. */
  readonly onFault: (family: Captured, error: ExpositionError) => void
  /** Lets others have their turn between slices; by default one turn of the event loop. */
  readonly breathe?: () => Promise<unknown>
}

export interface Writer {
  /**
   * The families as Prometheus text 0.0.4 or OpenMetrics 1.0, in slices of about 64 KB and in the order given. Values pass
   * through untouched. Families without samples, and families that cannot be written, are left out whole. Between slices the
   * event loop has its turn; `return()` ends the work early.
   */
  render(families: Iterable<Captured>, options: RenderOptions): AsyncGenerator<Buffer, void>
}

/** Characters a slice: about 0.3 ms of work. */
const SLICE = 65_536
/** Samples looked up in one go: 1 to 2 ms of work when all of them are new. */
const LOOK_UPS = 1_000

/** A writer keeps what it has rendered of names and labels from scrape to scrape; one is enough for all scrapes. */
export function createWriter(): Writer {
  const indexes = new WeakMap<Metric, SeriesIndex>()
  const indexOf = (metric: Metric) => {
    const index = indexes.get(metric) ?? new SeriesIndex(metric)
    indexes.set(metric, index)
    return index
  }
  return {
    async *render(families, { format, onFault, breathe = nextTurn }) {
      const taken = new Map<string, Metric>()
      let text = ''
      let encoding: Encoding = 'latin1'
      for (const family of families) {
        const names = await writable(family, { taken, indexOf, onFault, breathe })
        if (names === null) continue
        if (!names.ascii) encoding = 'utf8'
        for (const piece of familyLines(family, names.series, format)) {
          text += piece
          if (text.length < SLICE) continue
          yield Buffer.from(text, encoding)
          text = ''
          encoding = names.ascii ? 'latin1' : 'utf8'
          await breathe()
        }
      }
      if (format === 'openmetrics') text += '# EOF\n'
      if (text !== '') yield Buffer.from(text, encoding)
    },
  }
}

/** Text that is all ASCII is the same in both, and is written in half the time as latin1. */
type Encoding = 'latin1' | 'utf8'

interface Checks {
  /** Names on the page so far. */
  readonly taken: Map<string, Metric>
  readonly indexOf: (metric: Metric) => SeriesIndex
  readonly onFault: RenderOptions['onFault']
  readonly breathe: () => Promise<unknown>
}

interface Names {
  /** By the place of their sample in the family. */
  readonly series: readonly Series[]
  readonly ascii: boolean
}

/** The series of a family's samples once all of it is known to be writable; null when it is empty or left out. */
async function writable(family: Captured, checks: Checks): Promise<Names | null> {
  if (family.samples.length === 0) return null
  try {
    takeNames(family.metric, checks.taken)
    return await lookUp(family, checks.indexOf(family.metric), checks.breathe)
  } catch (error) {
    if (!(error instanceof ExpositionError)) throw error
    checks.onFault(family, error)
    return null
  }
}

async function lookUp(family: Captured, index: SeriesIndex, breathe: () => Promise<unknown>): Promise<Names> {
  const { samples } = family
  const series: Series[] = new Array(samples.length)
  let ascii = index.ascii
  const release = await index.begin()
  try {
    for (let from = 0; from < samples.length; from += LOOK_UPS) {
      if (from > 0) await breathe()
      const to = Math.min(samples.length, from + LOOK_UPS)
      for (let i = from; i < to; i++) {
        const met = index.meet(samples[i] as Sample | HistogramSample)
        checkValue(family, i)
        series[i] = met
        ascii &&= met.ascii
      }
    }
    index.prune(series.length)
  } finally {
    release()
  }
  return { series, ascii }
}

function checkValue(family: Captured, i: number): void {
  const value = family.kind === 'values' ? family.values[i] : family.states[i]?.sum
  if (!looksDecimal(value)) {
    throw new ExpositionError(
      `${family.metric.name}: a value is ${JSON.stringify(value)}, expected a decimal number as text`,
    )
  }
  if (family.kind === 'values') return
  const expected = (family.metric.buckets?.length ?? 0) + 1
  const found = family.states[i]?.counts.length
  if (found !== expected) {
    throw new ExpositionError(`${family.metric.name}: a sample counts ${found} buckets, expected ${expected}`)
  }
}

/** Refuses a family whose lines would carry the name of another family's. */
function takeNames(metric: Metric, taken: Map<string, Metric>): void {
  const names = [metric.name, familyName(metric, 'openmetrics'), ...ENDINGS[metric.type].map((e) => metric.name + e)]
  for (const name of names) {
    const owner = taken.get(name)
    if (owner === undefined) continue
    throw new ExpositionError(
      owner.name === metric.name
        ? `${metric.name}: two families have this name; a collector must hand it in once`
        : `${metric.name}: the name ${name} is taken by ${owner.name}`,
    )
  }
  for (const name of names) taken.set(name, metric)
}

const ENDINGS: Readonly<Record<Metric['type'], readonly string[]>> = {
  counter: [],
  gauge: [],
  histogram: ['_bucket', '_sum', '_count'],
}
