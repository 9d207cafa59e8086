/** A value with the time for which it holds: [from, to), from −Infinity to Infinity. */
export interface Span<V> {
  readonly from: number
  readonly to: number
  readonly value: V
}

/** Spans in order that do not overlap; a new list in which a value stands over what was in [from, to). Undefined = nothing. */
export function paint<V>(spans: readonly Span<V>[], from: number, to: number, value: V | undefined): Span<V>[] {
  if (!(from < to)) return [...spans]
  const before: Span<V>[] = []
  const after: Span<V>[] = []
  for (const span of spans) {
    if (span.from < from) before.push(span.to <= from ? span : { ...span, to: from })
    if (span.to > to) after.push(span.from >= to ? span : { ...span, from: to })
  }
  return value === undefined ? [...before, ...after] : [...before, { from, to, value }, ...after]
}

/** What holds at a moment; undefined where nothing does. */
export function valueAt<V>(spans: readonly Span<V>[], at: number): V | undefined {
  return spans.findLast((span) => span.from <= at && at < span.to)?.value
}

/** Spans that meet and hold the same, as one. */
export function joined<V>(spans: readonly Span<V>[], same: (a: V, b: V) => boolean): Span<V>[] {
  const list: Span<V>[] = []
  for (const span of spans) {
    const last = list.at(-1)
    if (last !== undefined && last.to === span.from && same(last.value, span.value))
      list[list.length - 1] = { ...last, to: span.to }
    else list.push(span)
  }
  return list
}

/** The moments at which something may change within [from, to), `from` among them, in order; none in no time. */
export function cutsOf(from: number, to: number, ...lists: readonly (readonly Span<unknown>[])[]): number[] {
  if (!(from < to)) return []
  const cuts = new Set([from])
  for (const spans of lists)
    for (const span of spans) for (const at of [span.from, span.to]) if (at > from && at < to) cuts.add(at)
  return [...cuts].sort((a, b) => (a < b ? -1 : 1))
}
