import { meets } from '../filters.ts'
import { aggregated, isIntegral } from './aggregate.ts'
import { autoGranularity, bucketOf, bucketText, type Granularity, nextBucket } from './buckets.ts'
import type { Query } from './query.ts'
import { dimensionsOf, filtered, metricName } from './rules.ts'
import type { GroupValue, Measure, View } from './view.ts'

export type MetricRow = Record<string, unknown>

/** A row, and the parts that it was split into by the dimensions of the query. */
interface Item<Row> {
  readonly row: Row
  readonly parts: Readonly<Record<string, string>>
}

const DEFAULT_LIMIT = 100

/** The rows that answer a query, out of those of its window. The query has been checked. */
export function metricRows<Row>(query: Query, view: View<Row>, rows: Iterable<Row>): MetricRow[] {
  const dimensions = dimensionsOf(query, view)
  const granularity = granularityOf(query)
  const groups = new Map<string, { head: MetricRow; items: Item<Row>[] }>()
  const wanted = query.metrics.map(({ measure }) => view.measures[measure]?.only)
  for (const row of rows) {
    if (!wanted.every((only) => only === undefined || only(row)) || !holds(query, view, row)) continue
    for (const item of split(row, dimensions, view)) {
      const head = headOf(item, dimensions, view, granularity)
      const key = JSON.stringify(head)
      const group = groups.get(key)
      if (group) group.items.push(item)
      else groups.set(key, { head, items: [item] })
    }
  }
  if (dimensions.length === 0 && granularity === null && groups.size === 0) groups.set('', { head: {}, items: [] })
  const answered = [...groups.values()].map(({ head, items }) => ({ ...head, ...metricsOf(query, view, items) }))
  const filling = granularity !== null && query.orderBy.length === 0
  const whole = filling ? [...answered, ...fillers(query, view, granularity, dimensions, answered)] : answered
  return sorted(whole, query, granularity).slice(0, query.config.row_limit ?? DEFAULT_LIMIT)
}

/** Which fields of the rows are 64-bit integers. */
export function integerFields<Row>(query: Query, view: View<Row>): ReadonlySet<string> {
  const integral = query.metrics.filter((metric) => {
    const measure = view.measures[metric.measure]
    return measure !== undefined && isIntegral(metric.aggregation, measure.kind)
  })
  return new Set(['count', ...integral.map(metricName)])
}

function granularityOf({ timeDimension, fromTimestamp, toTimestamp }: Query): Granularity | null {
  if (!timeDimension) return null
  const { granularity } = timeDimension
  return granularity === 'auto' ? autoGranularity(toTimestamp - fromTimestamp) : granularity
}

function holds<Row>({ filters }: Query, view: View<Row>, row: Row): boolean {
  return filters.every((filter) => {
    if (filter.column === view.timeColumn) return meets(filter, view.timeOf(row))
    if (filter.column === 'metadata' && view.metadata) return meets(filter, view.metadata(row))
    return meets(filter, filtered(filter.column, view)?.of(row) ?? null)
  })
}

function split<Row>(row: Row, dimensions: readonly string[], view: View<Row>): Item<Row>[] {
  let items: Item<Row>[] = [{ row, parts: {} }]
  for (const name of dimensions) {
    const explode = view.dimensions[name]?.explode
    if (!explode) continue
    const names = explode(row)
    items = items.flatMap((item) => names.map((part) => ({ row, parts: { ...item.parts, [name]: part } })))
  }
  return items
}

function headOf<Row>(
  { row, parts }: Item<Row>,
  dimensions: readonly string[],
  view: View<Row>,
  granularity: Granularity | null,
): MetricRow {
  const values = dimensions.map((name): [string, GroupValue] => [
    name,
    parts[name] ?? view.dimensions[name]?.group(row) ?? null,
  ])
  const time = granularity === null ? {} : { time_dimension: timeText(view.timeOf(row), granularity) }
  return { ...Object.fromEntries(values), ...time }
}

function timeText(ms: number, granularity: Granularity): string {
  return bucketText(bucketOf(ms, granularity), granularity)
}

function metricsOf<Row>(query: Query, view: View<Row>, items: readonly Item<Row>[]): MetricRow {
  if (query.metrics.length === 0) return { count: items.length }
  const metrics = query.metrics.map((metric): [string, unknown] => {
    const measure = view.measures[metric.measure] as Measure<Row>
    const values = items
      .map(({ row, parts }) => measure.of(row, (name) => parts[name]))
      .filter((value) => value !== null)
    return [metricName(metric), aggregated(values, metric.aggregation, measure.kind, query.config.bins)]
  })
  return Object.fromEntries(metrics)
}

/**
 * A row for each bucket that has none, from the first of the window up to, and without, that of its end: nothing under all
 * dimensions, and what nothing measures.
 */
function fillers<Row>(
  query: Query,
  view: View<Row>,
  granularity: Granularity,
  dimensions: readonly string[],
  answered: readonly MetricRow[],
): MetricRow[] {
  const there = new Set(answered.map((row) => row.time_dimension))
  const head = Object.fromEntries(dimensions.map((name) => [name, view.dimensions[name]?.filler ?? null]))
  const rows: MetricRow[] = []
  const end = bucketOf(query.toTimestamp, granularity)
  for (let at = bucketOf(query.fromTimestamp, granularity); at < end; at = nextBucket(at, granularity)) {
    const time_dimension = bucketText(at, granularity)
    if (!there.has(time_dimension)) rows.push({ ...head, time_dimension, ...metricsOf(query, view, []) })
  }
  return rows
}

/** As asked; otherwise by time, or by the first metric with the greatest first. Nothing comes last. */
function sorted(rows: MetricRow[], query: Query, granularity: Granularity | null): MetricRow[] {
  const [metric] = query.metrics
  const usual: Query['orderBy'] =
    granularity !== null
      ? [{ field: 'time_dimension', direction: 'asc' }]
      : [{ field: metric ? metricName(metric) : 'count', direction: 'desc' }]
  const order = query.orderBy.length > 0 ? query.orderBy : usual
  return rows.sort((a, b) => {
    for (const { field, direction } of order) {
      const difference = compared(a[field], b[field], direction === 'asc' ? 1 : -1)
      if (difference !== 0) return difference
    }
    return 0
  })
}

function compared(a: unknown, b: unknown, sign: number): number {
  if (a === b) return 0
  if (a === null || a === undefined) return 1
  if (b === null || b === undefined) return -1
  if (typeof a === 'number' && typeof b === 'number') return sign * (a - b)
  return sign * (String(a) < String(b) ? -1 : Number(String(a) > String(b)))
}
