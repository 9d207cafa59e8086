import type { Metric } from '../../catalogue.ts'
import { boundText, escapeLabel, type Format, familyName, timestampText } from './text.ts'

/** A family that cannot be written: its message names the metric, what was found and what was expected. */
export class ExpositionError extends Error {
  override readonly name = 'ExpositionError'
}

/** What was once rendered of a series' name and labels. */
export interface Series {
  /** Whose it is: a sample handed to another writer, or under another metric, is looked up anew. */
  readonly index: SeriesIndex
  /** `name{labels} `, ready to stand before a value. */
  readonly head: string
  /** Whether its text is ASCII throughout. */
  readonly ascii: boolean
  /** Heads of a histogram's lines by format, made when first needed. */
  buckets: { [F in Format]?: readonly string[] } | null
  created: { readonly at: number; readonly line: string } | null
  /** The pass that met it last. */
  pass: number
  /** Forgotten by its index; whoever still holds it must ask again. */
  forgotten: boolean
}

interface Labelled {
  readonly labels: readonly string[]
}

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
/** An index may hold this many series beyond twice the living ones before it forgets the rest. */
const SLACK = 64

class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is how a private field gets onto an object of somebody else's
    return object
  }
}

/**
 * Keeps a Series on the Sample itself, in a field that nobody else can see. A WeakMap would do the same; at 10,000 samples
 * it made rendering 2.6 times as dear, nearly all of it in the garbage collector.
 */
class Kept extends Given {
  #series: Series

  constructor(sample: object, series: Series) {
    super(sample)
    this.#series = series
  }

  static in(sample: object): Series | undefined {
    return #series in sample ? sample.#series : undefined
  }

  static put(sample: object, series: Series): void {
    if (#series in sample) sample.#series = series
    else new Kept(sample, series)
  }
}

/**
 * The rendered names of one metric's series. Two Sample objects with the same labels share one Series, so a pass meets a
 * Series twice exactly when two samples would be the same line. Samples are not held; series that no pass meets any more are
 * forgotten.
 */
export class SeriesIndex {
  readonly metric: Metric
  /** Whether the metric's own texts are ASCII throughout. */
  readonly ascii: boolean
  readonly #byHead = new Map<string, Series>()
  #pass = 0
  #busy: Promise<void> = Promise.resolve()

  /** Throws ExpositionError on a metric that no valid line can be made of. */
  constructor(metric: Metric) {
    checkMetric(metric)
    this.metric = metric
    this.ascii = isAscii(metric.help)
  }

  /** How many series are kept now. */
  get size(): number {
    return this.#byHead.size
  }

  /** Waits for the pass under way and starts the next; call what it returns when done. */
  async begin(): Promise<() => void> {
    const before = this.#busy
    let release = () => {}
    this.#busy = new Promise((resolve) => {
      release = resolve
    })
    await before
    this.#pass++
    return release
  }

  /** The series of a sample. Throws ExpositionError when this pass met it before or the labels do not fit the metric. */
  meet(sample: Labelled): Series {
    let series = Kept.in(sample)
    if (series === undefined || series.forgotten || series.index !== this) {
      series = this.#intern(sample)
      Kept.put(sample, series)
    }
    if (series.pass === this.#pass)
      throw new ExpositionError(`two samples of the same series: ${series.head.trimEnd()}`)
    series.pass = this.#pass
    return series
  }

  /** Forgets what the pass did not meet, once that is more than half. */
  prune(met: number): void {
    if (this.#byHead.size <= 2 * met + SLACK) return
    for (const [head, series] of this.#byHead) {
      if (series.pass === this.#pass) continue
      series.forgotten = true
      this.#byHead.delete(head)
    }
  }

  #intern(sample: Labelled): Series {
    const labels = labelText(this.metric, sample.labels)
    const head = headText(this.metric.name, labels)
    const known = this.#byHead.get(head)
    if (known !== undefined) return known
    const series: Series = {
      index: this,
      head,
      ascii: isAscii(head),
      buckets: null,
      created: null,
      pass: 0,
      forgotten: false,
    }
    this.#byHead.set(head, series)
    return series
  }
}

/** The `_created` line of a series that began at `at`, epoch milliseconds. */
export function createdLine(metric: Metric, series: Series, at: number): string {
  if (series.created?.at !== at) {
    const head = headText(`${familyName(metric, 'openmetrics')}_created`, labelsOf(series))
    series.created = { at, line: `${head}${timestampText(at)}\n` }
  }
  return series.created?.line ?? ''
}

/** Heads of a histogram's lines: one for each bucket, `+Inf` last, then sum and count. */
export function histogramHeads(metric: Metric, series: Series, format: Format): readonly string[] {
  series.buckets ??= {}
  series.buckets[format] ??= makeHistogramHeads(metric, labelsOf(series), format)
  return series.buckets[format]
}

function makeHistogramHeads({ name, buckets = [] }: Metric, labels: string, format: Format): readonly string[] {
  const comma = labels === '' ? '' : ','
  const bounds = [...buckets, '+Inf'].map((bound) => `${labels}${comma}le="${boundText(bound, format)}"`)
  return [
    ...bounds.map((all) => headText(`${name}_bucket`, all)),
    headText(`${name}_sum`, labels),
    headText(`${name}_count`, labels),
  ]
}

/** `a="1",b="2"`, or nothing; cut out of the head, as few series need it twice. */
function labelsOf({ head, index }: Series): string {
  return head.slice(index.metric.name.length + '{'.length, -'} '.length)
}

function headText(name: string, labels: string): string {
  // Joined, not added up: the engine keeps a sum as a tree and would flatten it anew for every scrape.
  return labels === '' ? [name, ' '].join('') : [name, '{', labels, '} '].join('')
}

function labelText(metric: Metric, values: readonly string[]): string {
  const names = metric.labels
  if (values.length !== names.length) {
    throw new ExpositionError(
      `${metric.name}: a sample has ${values.length} label values (${values.join(', ')}), expected ${names.length}: ${names.join(', ')}`,
    )
  }
  let text = ''
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    text += `${i === 0 ? '' : ','}${name}="${escapeLabel(labelValue(metric, name, values[i]))}"`
  }
  return text
}

function labelValue(metric: Metric, name: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw new ExpositionError(`${metric.name}: label ${name} is ${String(value)}, expected a text`)
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}

function checkMetric(metric: Metric): void {
  for (const name of [metric.name, ...metric.labels]) {
    if (!NAME.test(name)) throw new ExpositionError(`${metric.name}: ${JSON.stringify(name)} is no valid name`)
  }
  if (metric.type === 'counter' && !metric.name.endsWith('_total')) {
    throw new ExpositionError(`${metric.name}: a counter's name must end in _total`)
  }
  if (metric.type === 'histogram') checkHistogram(metric)
}

function checkHistogram(metric: Metric): void {
  if (metric.labels.includes('le')) throw new ExpositionError(`${metric.name}: a histogram cannot have a label le`)
  const bounds = (metric.buckets ?? []).map(Number)
  if (bounds.length === 0 || !bounds.every((bound, i) => bound > (bounds[i - 1] ?? Number.NEGATIVE_INFINITY))) {
    throw new ExpositionError(`${metric.name}: bounds of buckets must rise, found ${(metric.buckets ?? []).join(', ')}`)
  }
}
