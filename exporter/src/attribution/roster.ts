/** A dated plan of a customer. Of two that hold at a time, the later one in the list counts. */
export interface RosterEntry {
  readonly id: string
  readonly tier: string
  /** First moment at which it holds, epoch milliseconds; null = always. */
  readonly from: number | null
  /** First moment at which it no longer holds; null = until further notice. */
  readonly to: number | null
}

/** Answers which plan a customer had at a moment (epoch milliseconds), null when the roster says nothing of it. */
export function rosterOf(entries: readonly RosterEntry[]): (customer: string, at: number) => string | null {
  const byCustomer = new Map<string, RosterEntry[]>()
  for (const entry of entries) {
    const known = byCustomer.get(entry.id)
    if (known) known.push(entry)
    else byCustomer.set(entry.id, [entry])
  }
  return (customer, at) => {
    const holding = byCustomer
      .get(customer)
      ?.findLast((entry) => (entry.from ?? -Infinity) <= at && at < (entry.to ?? Infinity))
    return holding?.tier ?? null
  }
}
