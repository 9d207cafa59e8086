import type { LitellmClient } from '../../clients/litellm.ts'
import { JsonSplitter, splitJson } from '../json-stream.ts'
import { patiently } from '../patiently.ts'
import { eventOf } from './event.ts'
import { readRow } from './row.ts'
import { type Reader, type Refusal, recordSlice, Slice, type SliceTarget } from './slice.ts'

/** Calls that began from `from` to `to`, epoch milliseconds, whole seconds, both included. */
export interface Window {
  readonly from: number
  readonly to: number
}

export interface WindowReader {
  readonly client: LitellmClient
  readonly target: SliceTarget
  readonly pageSize: number
  readonly signal: AbortSignal
  /** Refused rows that were already reported; a row is read more than once. */
  readonly known: KnownRefusals
}

/** LiteLLM answered, but not what is understood here. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer'
}

/** LiteLLM skips over all rows before a page to find it, so a window with more is cut in two. */
const MOST_ROWS = 5000
/** Rows can move between pages while they are read; then the window is read again, this often. */
const MOST_READS = 4
/** Far beyond what a second can hold: a neighbour that repeats itself is not followed for ever. */
const MOST_PAGES = 200
const SECOND = 1000

/**
 * Reads a window of the spend log into the ledger and returns how many rows it held; resolves when they are durable. A window
 * with very many rows is cut in two; one whose rows moved between pages is read again until as many different rows came
 * as LiteLLM counts. Rejects with HttpError, BadAnswer or what the recorder rejects with.
 */
export async function readWindow(window: Window, reader: WindowReader): Promise<number> {
  const seen = new Set<string>()
  for (let reads = 1; ; reads++) {
    const total = await readPages(window, reader, seen)
    if (total === 'too many') return readHalves(window, reader)
    if (seen.size >= total) return seen.size
    if (reads === MOST_READS) {
      const { log } = reader.target.deps
      log.warn(
        { window, total, read: seen.size },
        'the spend log kept moving while it was read; it is looked at again within the hour',
      )
      return seen.size
    }
  }
}

async function readHalves({ from, to }: Window, reader: WindowReader): Promise<number> {
  const middle = from + Math.floor((to - from) / (2 * SECOND)) * SECOND
  // A row of exactly that moment is read twice and counted once by the ledger.
  return (await readWindow({ from, to: middle }, reader)) + (await readWindow({ from: middle, to }, reader))
}

async function readPages(window: Window, reader: WindowReader, seen: Set<string>): Promise<number | 'too many'> {
  for (let page = 1; ; page++) {
    const { rows, total, capped, size } = await readPage({ window, page, reader, seen })
    const many = capped || (total ?? 0) > MOST_ROWS
    if (many && window.to - window.from > SECOND) return 'too many'
    const known = capped ? null : total
    if (rows < size || (known !== null && page * size >= known) || page === MOST_PAGES) return known ?? 0
  }
}

interface Page {
  readonly window: Window
  readonly page: number
  readonly reader: WindowReader
  readonly seen: Set<string>
}

interface PageRead {
  readonly rows: number
  /** Rows of the whole window; null when LiteLLM does not say. */
  readonly total: number | null
  readonly capped: boolean
  /** Rows that a full page has. */
  readonly size: number
}

const readPolled: Reader = (row, context) => eventOf(readRow(row), context)

async function readPage({ window, page, reader, seen }: Page): Promise<PageRead> {
  const answer = await reader.client.spendLogs({ ...window, page, pageSize: reader.pageSize }, reader.signal)
  const splitter = new JsonSplitter({ rows: 'data' })
  const slice = new Slice(readPolled, reader.target.deps)
  for await (const piece of splitJson(answer.body, splitter)) {
    if (piece.kind === 'broken')
      throw new BadAnswer(`/spend/logs/v2 broke off at byte ${piece.offset}: ${piece.reason}`)
    slice.add(piece)
    seen.add(
      piece.kind === 'record' ? String(piece.value.request_id ?? `${page}/${piece.index}`) : `${page}/${piece.index}`,
    )
  }
  if (!splitter.foundRows) throw new BadAnswer('/spend/logs/v2 answered without a list of rows named "data"')
  const rows = slice.size
  slice.refused = slice.refused.filter((refusal) => reader.known.isNew(refusal))
  await patiently(() => recordSlice(slice, reader.target), reader.target.deps, reader.signal)
  reader.known.add(slice.refused)
  const { page_size: size } = splitter.envelope
  return { rows, ...totalOf(splitter), size: typeof size === 'number' && size > 0 ? size : reader.pageSize }
}

function totalOf(splitter: JsonSplitter): { total: number | null; capped: boolean } {
  const { total, total_is_capped: capped } = splitter.envelope
  return { total: typeof total === 'number' ? total : null, capped: capped === true }
}

/** How many rows a window holds now, and whether LiteLLM stopped counting. Rejects like readWindow. */
export async function countRows(
  window: Window,
  client: LitellmClient,
  signal: AbortSignal,
): Promise<{ total: number | null; capped: boolean }> {
  const answer = await client.spendLogs({ ...window, page: 1, pageSize: 1 }, signal)
  const splitter = new JsonSplitter({ rows: 'data' })
  for await (const piece of splitJson(answer.body, splitter))
    if (piece.kind === 'broken')
      throw new BadAnswer(`/spend/logs/v2 broke off at byte ${piece.offset}: ${piece.reason}`)
  return totalOf(splitter)
}

/** The latest refused rows, bounded. */
export class KnownRefusals {
  private readonly keys = new Set<string>()

  isNew(refusal: Refusal): boolean {
    return !this.keys.has(keyOf(refusal))
  }

  add(refusals: readonly Refusal[]): void {
    for (const refusal of refusals) this.keys.add(keyOf(refusal))
    for (const oldest of this.keys) {
      if (this.keys.size <= MOST_KNOWN) break
      this.keys.delete(oldest)
    }
  }
}

const MOST_KNOWN = 10_000

function keyOf({ outline, index, reason }: Refusal): string {
  return `${outline.request_id ?? outline.id ?? index} ${reason}`
}
