import { xxHash32 } from './hash.ts'
import type { ObservationRow } from './observation.ts'

/** What rows are ordered by: start, then the hash of the trace, then the id. */
export interface Place {
  readonly start: number
  readonly hash: number
  readonly id: string
}

/** A row, and between which moments it can be read. */
interface Version extends Place {
  readonly row: ObservationRow
  readonly from: number
  to: number
}

/** The events table of a project: what can be read of it depends on the moment. */
export interface Table {
  /** A row that can be read from `from` on; an earlier one with its id stands beside it until `mergedAt`. */
  put(row: ObservationRow, from: number, mergedAt: number): void
  /** The same row once more, as after a repeated delivery, until `to`, when the parts are merged. */
  repeat(row: ObservationRow, from: number, to: number): void
  /** From `from` on nothing with this id can be read. */
  remove(id: string, from: number): void
  /** Lets go of all rows that start before a moment, as if they had never been. */
  forget(before: number): void
  /** The row that was put last under an id. */
  last(id: string): ObservationRow | null
  /** What can be read at `now` with `from <= start < to`, latest start first. */
  rows(now: number, from: number, to: number): Generator<ObservationRow>
  readonly size: number
}

export function createTable(): Table {
  let versions: Version[] = []
  const byId = new Map<string, Version[]>()
  let sorted = true

  const add = (row: ObservationRow, from: number, to: number): void => {
    const version = { row, ...placeOf(row), from, to }
    sorted = sorted && (versions.length === 0 || compare(versions[versions.length - 1] as Version, version) <= 0)
    versions.push(version)
    const others = byId.get(row.id)
    if (others) others.push(version)
    else byId.set(row.id, [version])
  }
  const end = (id: string, at: number): void => {
    for (const version of byId.get(id) ?? []) version.to = Math.min(version.to, at)
  }
  return {
    put(row, from, mergedAt) {
      end(row.id, mergedAt)
      add(row, from, Infinity)
    },
    repeat: add,
    remove: end,
    forget(before) {
      versions = versions.filter(({ start }) => start >= before)
      byId.clear()
      for (const version of versions) {
        const others = byId.get(version.id)
        if (others) others.push(version)
        else byId.set(version.id, [version])
      }
    },
    last: (id) => byId.get(id)?.at(-1)?.row ?? null,
    *rows(now, from, to) {
      if (!sorted) versions.sort(compare)
      sorted = true
      for (let index = firstFrom(versions, to) - 1; index >= 0; index--) {
        const version = versions[index] as Version
        if (version.start < from) return
        if (version.from <= now && now < version.to) yield version.row
      }
    },
    get size() {
      return byId.size
    },
  }
}

export function placeOf({ start, traceId, id }: Pick<ObservationRow, 'start' | 'traceId' | 'id'>): Place {
  return { start, hash: xxHash32(traceId), id }
}

/** Negative when `a` comes before `b` in ascending order. */
export function compare(a: Place, b: Place): number {
  return a.start - b.start || a.hash - b.hash || (a.id < b.id ? -1 : Number(a.id > b.id))
}

/** Index of the first version that starts at `start` or later. */
function firstFrom(versions: readonly Version[], start: number): number {
  let low = 0
  let high = versions.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((versions[middle]?.start ?? 0) < start) low = middle + 1
    else high = middle
  }
  return low
}
