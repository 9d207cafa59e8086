import type { Metered, Observation, Score } from '../../usage.ts'
import { hashKey, type KeyHash, storedKey } from '../key.ts'
import type { Recorded, Row } from '../ledger.ts'
import { bigint, type Column, integer, text } from './append.ts'

/** Entries that come in numbers: a table for each kind, named as the kind, and folded away by retention. */
export type Typed = Metered | Observation | Score

/** One on its way into its table. */
export interface TypedRow<E extends Typed = Typed> extends Recorded<E> {
  readonly hash: KeyHash
  readonly day: number
  /** Hashes of what it refers to, in the order that its table wants. */
  readonly ids: readonly KeyHash[]
}

/** How a kind is kept. `unfit` says why an entry cannot be: it would not come back as it was. */
export interface TypedTable<E extends Typed = Typed> {
  readonly kind: E['kind']
  readonly columns: readonly Column<TypedRow<E>>[]
  idsOf(entry: E): readonly KeyHash[]
  entryOf(row: Row): E
  unfit(entry: E): string | null
}

/** The moment that decides in which local day an entry counts, epoch milliseconds. */
export function momentOf(entry: Typed): number {
  return entry.kind === 'score' ? entry.at : entry.start
}

/** Columns that every such table begins with. */
export const COMMON_COLUMNS: readonly Column<TypedRow>[] = [
  bigint('seq', (row) => BigInt(row.seq)),
  bigint('recorded', (row) => BigInt(row.at)),
  bigint('k', (row) => row.hash.high),
  bigint('k2', (row) => row.hash.low),
  bigint('start', (row) => BigInt(momentOf(row.entry))),
  integer('day', (row) => row.day),
]

/** Both halves of one of the ids. */
export function idColumns<E extends Typed>(name: string, index: number): Column<TypedRow<E>>[] {
  return [
    bigint(`${name}_k`, (row) => row.ids[index]?.high ?? 0n),
    bigint(`${name}_k2`, (row) => row.ids[index]?.low ?? 0n),
  ]
}

/** Text columns by their names, each filled from one field; absent is ''. */
export function textColumns<E extends Typed>(fields: Readonly<Record<string, (entry: E) => string | null>>) {
  return Object.entries(fields).map(([name, of]) => text<TypedRow<E>>(name, (row) => of(row.entry) ?? ''))
}

const NONE: KeyHash = { high: 0n, low: 0n, id: '' }

export function hashOrNone(key: string | null): KeyHash {
  return key === null ? NONE : hashKey(key)
}

/** The key as it is read back, which stands for the same; null where both halves are 0. */
export function keyOrNull(high: unknown, low: unknown): string | null {
  return high === 0n && low === 0n ? null : storedKey(high as bigint, low as bigint)
}

const LATEST = 8e15

/** The first thing that is wrong, in a sentence. */
export function firstUnfit(...found: readonly (string | null)[]): string | null {
  return found.find((reason) => reason !== null) ?? null
}

export function unfitTime(name: string, ms: number): string | null {
  if (Number.isSafeInteger(ms) && Math.abs(ms) < LATEST) return null
  return `${name} is ${ms}; expected a whole number of milliseconds since 1970`
}

/** Of a count or a duration, which may be absent. */
export function unfitCount(name: string, count: number | null): string | null {
  if (count === null || (Number.isSafeInteger(count) && count >= 0)) return null
  return `${name} is ${count}; expected a whole number from 0 on, or null where it is not known`
}

/** Of an amount or money, which may be absent. */
export function unfitAmount(name: string, amount: bigint | null): string | null {
  if (amount === null || BigInt.asIntN(64, amount) === amount) return null
  return `${name} is ${amount}; expected a number of at most 64 bits`
}
