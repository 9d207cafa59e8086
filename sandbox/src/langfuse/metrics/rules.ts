import { wrongKind } from '../filters.ts'
import type { Aggregation, Query } from './query.ts'
import type { Dimension, View } from './view.ts'

/** The name of a metric in rows and in `orderBy`. */
export function metricName({ measure, aggregation }: Query['metrics'][number]): string {
  return `${aggregation}_${measure}`
}

/** Dimensions of a query, with those that its measures bring. */
export function dimensionsOf<Row>(query: Query, view: View<Row>): string[] {
  const asked = query.dimensions.map(({ field }) => field)
  const brought = query.metrics.flatMap(({ measure }) => view.measures[measure]?.brings ?? [])
  return [...new Set([...asked, ...brought])]
}

/** What is wrong with a query of the right form; null = nothing. */
export function complaint<Row>(query: Query, view: View<Row>): string | null {
  return (
    unknownName(query, view) ??
    wrongFilter(query, view) ??
    pairs(query, view) ??
    highCardinality(query, view) ??
    wrongOrder(query, view)
  )
}

function unknownName<Row>({ dimensions, metrics }: Query, view: View<Row>): string | null {
  const names = (of: object): string => Object.keys(of).join(', ')
  for (const { field } of dimensions)
    if (!Object.hasOwn(view.dimensions, field))
      return `Invalid dimension ${field}. Must be one of ${names(view.dimensions)}`
  for (const { measure, aggregation } of metrics) {
    const found = Object.hasOwn(view.measures, measure) ? view.measures[measure] : undefined
    if (!found) return `Invalid measure ${measure}. Must be one of ${names(view.measures)}`
    if (found.kind === 'text' && aggregation !== 'count' && aggregation !== 'uniq')
      return `Invalid aggregation ${aggregation} for measure ${measure}: a string allows count and uniq only`
  }
  return null
}

/** The dimension that a filter looks at. A name that ends in `Name` and that nobody knows is taken for `name`, silently. */
export function filtered<Row>(column: string, view: View<Row>): Dimension<Row> | null {
  if (Object.hasOwn(view.dimensions, column)) return view.dimensions[column] ?? null
  return column.endsWith('Name') ? (view.dimensions.name ?? null) : null
}

function wrongFilter<Row>({ filters }: Query, view: View<Row>): string | null {
  for (const filter of filters) {
    const { column } = filter
    const kind =
      column === 'metadata' && view.metadata
        ? 'object'
        : column === view.timeColumn
          ? 'time'
          : filtered(column, view)?.kind
    if (!kind)
      return `Invalid filter column ${column}. Must be one of ${Object.keys(view.dimensions).join(', ')}, ${view.timeColumn}`
    const wrong = wrongKind(filter, kind)
    if (wrong !== null) return wrong
  }
  return null
}

function pairs<Row>(query: Query, view: View<Row>): string | null {
  const both = dimensionsOf(query, view).filter((field) => field === 'costType' || field === 'usageType')
  return both.length > 1 ? 'Only one of costType and usageType can be used in a query' : null
}

/** Many groups are answered only as the greatest few by what is measured. Looks at the query before defaults fill it. */
function highCardinality<Row>(query: Query, view: View<Row>): string | null {
  const high = dimensionsOf(query, view).filter((field) => view.dimensions[field]?.high)
  if (high.length === 0) return null
  const names = `High cardinality dimension(s) ${high.map((name) => `'${name}'`).join(', ')}`
  if (query.timeDimension) return `${names} cannot be used with timeDimension`
  const falling = query.orderBy.filter(({ direction }) => direction === 'desc')
  if (query.config.row_limit === undefined || falling.length === 0)
    return `${names} require config.row_limit and an orderBy with direction desc on a measure`
  const metrics = query.metrics.map(metricName)
  const other = falling.find(({ field }) => !metrics.includes(field))
  return other ? `${names} require orderBy desc on a measure of the query, not on ${other.field}` : null
}

const UNSORTABLE: readonly Aggregation[] = ['histogram']

function wrongOrder<Row>(query: Query, view: View<Row>): string | null {
  const sortable = query.metrics.filter(({ aggregation }) => !UNSORTABLE.includes(aggregation)).map(metricName)
  const known = [...dimensionsOf(query, view), ...(query.timeDimension ? ['time_dimension'] : []), ...sortable]
  const wrong = query.orderBy.find(({ field }) => !known.includes(field))
  return wrong ? `Invalid orderBy field ${wrong.field}. Must be one of ${known.join(', ')}` : null
}
