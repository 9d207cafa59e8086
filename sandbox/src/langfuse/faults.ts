/** What can go wrong with an answer. */
export type Fault =
  /** 429 for all to come again in `retryAfterSeconds`, e.g. an hour. */
  | { readonly kind: 'rate_limited'; readonly retryAfterSeconds: number }
  /** 422: the server ran out of time or memory, or the answer is too large. */
  | { readonly kind: 'too_long' | 'too_large' }
  | { readonly kind: 'error'; readonly status: 500 | 502 | 503 }
  | { readonly kind: 'slow'; readonly ms: number }
  /** Half of the body under the length of the whole, then the connection breaks. */
  | { readonly kind: 'torn' }
  | { readonly kind: 'reset' }

/** A fault, and whose it is: of each path that ends so, or of all. Health answers have none. */
export type PlacedFault = Fault & { readonly path?: string }

/** How numbers are written: `plain`; `integers` = 64-bit integers are texts, as of older ClickHouse servers; `all` = every number is. */
export type NumbersAs = 'plain' | 'integers' | 'all'

/** Faults in the order in which they were asked for, then the one that stays. */
export interface FaultPlan {
  add(...faults: readonly PlacedFault[]): void
  /** What befalls the next answer of this path. */
  next(path: string, lasting: PlacedFault | null): Fault | null
}

export function createFaultPlan(): FaultPlan {
  const waiting: PlacedFault[] = []
  return {
    add: (...faults) => {
      waiting.push(...faults)
    },
    next(path, lasting) {
      const index = waiting.findIndex((fault) => befalls(fault, path))
      if (index >= 0) return waiting.splice(index, 1)[0] ?? null
      return lasting !== null && befalls(lasting, path) ? lasting : null
    },
  }
}

function befalls(fault: PlacedFault, path: string): boolean {
  return fault.path === undefined || path.endsWith(fault.path)
}

/** Integers that Langfuse keeps in 64 bits, by the names under which they stand in rows. */
const INTEGERS = new Set(['usageDetails', 'inputUsage', 'outputUsage', 'totalUsage'])

/** A row with its numbers written otherwise; `also` are fields that are 64-bit integers beside those known by name. */
export function rewritten(row: object, as: NumbersAs, also: ReadonlySet<string>): object {
  if (as === 'plain') return row
  const entries = Object.entries(row).map(([field, value]): [string, unknown] => {
    if (as === 'all') return [field, textsOf(value)]
    return [field, also.has(field) || INTEGERS.has(field) ? textsOf(value) : value]
  })
  return Object.fromEntries(entries)
}

function textsOf(value: unknown): unknown {
  if (typeof value === 'number') return String(value)
  if (Array.isArray(value)) return value.map(textsOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, textsOf(inner)]))
}
