/**
 * A record without a prototype: the names that it is asked for come from traffic, and one such as `constructor` must find
 * nothing.
 */
export function byName<V, W>(record: Readonly<Record<string, V>>, each: (value: V) => W): Record<string, W> {
  const result: Record<string, W> = Object.create(null)
  for (const [name, value] of Object.entries(record)) result[name] = each(value)
  return result
}
