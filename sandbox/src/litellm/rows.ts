import type { Call } from '../call.ts'
import { allTokens } from '../tokens.ts'
import { mix } from '../random.ts'
import { rowId } from './row.ts'

/** When rows appear after the end of their call. */
export interface Lag {
  /** Most rows: between these two, for the database is written in batches. */
  readonly usualMs: readonly [from: number, to: number]
  /** This share of the rows is later still, between these two. */
  readonly lateShare: number
  readonly lateMs: readonly [from: number, to: number]
}

export interface RowQuery {
  /** Start of the call, both ends included, epoch milliseconds. */
  readonly from: number
  readonly to: number
  readonly endUser: string | null
  /** Matches the row's own id or its call id. */
  readonly requestId: string | null
  readonly status: string | null
  readonly sortBy: SortField
  readonly descending: boolean
  readonly page: number
  readonly pageSize: number
}

export interface RowPage {
  readonly calls: readonly Call[]
  readonly total: number
  readonly capped: boolean
}

/** The spend-log table. */
export interface Rows {
  /** A call whose row id is taken leaves no row: the id is the primary key. */
  add(call: Call): void
  /** What the table shows at a moment, by offset: rows that arrive between two pages shift the second. */
  page(query: RowQuery, now: number): RowPage
  readonly size: number
}

const SORT_KEYS = {
  startTime: (call: Call) => call.start,
  endTime: (call: Call) => call.end,
  spend: (call: Call) => Number(call.cost ?? 0n),
  total_tokens: (call: Call) => allTokens(call.tokens),
  request_duration_ms: (call: Call) => call.end - call.start,
  ttft_ms: (call: Call) => call.firstTokenMs ?? Number.NEGATIVE_INFINITY,
} as const
export type SortField = keyof typeof SORT_KEYS
export const SORT_FIELDS = Object.keys(SORT_KEYS) as readonly SortField[]

/** @param countCap how far the table counts; beyond it the total is this number. */
export function createRows(lag: Lag, countCap: number): Rows {
  const byStart: Call[] = []
  const ids = new Set<string>()
  let asked = 0
  return {
    add(call) {
      const id = rowId(call)
      if (ids.has(id)) return
      ids.add(id)
      if (call.start >= (byStart.at(-1)?.start ?? 0)) byStart.push(call)
      else byStart.splice(firstAfter(byStart, call.start), 0, call)
    },
    page(query, now) {
      const found = matching(byStart, query, (call) => visibleAt(call, lag) <= now)
      asked += 1
      order(found, query, asked)
      const first = (query.page - 1) * query.pageSize
      const capped = found.length > countCap
      return { calls: found.slice(first, first + query.pageSize), total: capped ? countCap : found.length, capped }
    },
    get size() {
      return byStart.length
    },
  }
}

/** Epoch milliseconds from which on the row of a call can be read. */
export function visibleAt(call: Call, lag: Lag): number {
  const late = mix(call.salt, 0x1a7e) / 4294967296 < lag.lateShare
  const [from, to] = late ? lag.lateMs : lag.usualMs
  return call.end + from + ((to - from) * mix(call.salt, 0x1a6)) / 4294967296
}

function matching(calls: readonly Call[], query: RowQuery, visible: (call: Call) => boolean): Call[] {
  const found: Call[] = []
  for (let index = firstAfter(calls, query.from - 1); index < calls.length; index++) {
    const call = calls[index]
    if (!call || call.start > query.to) break
    if (matches(call, query) && visible(call)) found.push(call)
  }
  return found
}

function matches(call: Call, { endUser, requestId, status }: RowQuery): boolean {
  if (endUser !== null && (call.customer ?? '') !== endUser) return false
  if (status !== null && (call.outcome === 'success' ? 'success' : 'failure') !== status) return false
  return requestId === null || call.callId === requestId || rowId(call) === requestId
}

/** Sorts in place. Rows that are equal come in another order each time, as from a table without a second sort column. */
function order(found: Call[], query: RowQuery, asked: number): void {
  const key = SORT_KEYS[query.sortBy]
  const sign = query.descending ? -1 : 1
  found.sort((a, b) => sign * (key(a) - key(b)) || mix(a.salt, asked) - mix(b.salt, asked))
}

/** Index of the first call that started after `start`. */
function firstAfter(calls: readonly Call[], start: number): number {
  let low = 0
  let high = calls.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((calls[middle]?.start ?? 0) <= start) low = middle + 1
    else high = middle
  }
  return low
}
