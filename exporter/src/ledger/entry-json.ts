/** Entries as JSON; money, which JSON has no integer for, as text with an `n` mark. */
export function toJson(entry: object): string {
  return JSON.stringify(entry, (_name, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}

/** The entry that `toJson` made the text of. */
export function fromJson(body: string): unknown {
  return JSON.parse(body, (name, value: unknown) =>
    MONEY.has(name) && typeof value === 'string' && MARKED.test(value) ? BigInt(value.slice(0, -1)) : value,
  )
}

/** Details of an action may have the same names, and hold text. */
const MARKED = /^-?\d+n$/

const MONEY = new Set(['cost', 'limit', 'spent', 'held', 'price'])
