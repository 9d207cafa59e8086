import { HttpError, type StreamedAnswer } from '../../clients/http.ts'
import { BadAnswer, type LangfuseClient, type LangfuseSlice } from '../../clients/langfuse.ts'
import type { RefusedPiece } from '../json-pieces.ts'
import { JsonSplitter, splitJson } from '../json-stream.ts'
import { type Json, object } from '../litellm/read.ts'
import type { TraceContext } from './row.ts'

/** What an answer brought. */
export interface Page {
  readonly records: readonly Json[]
  readonly refused: readonly RefusedPiece[]
}

/** How the rows of a project are asked for. */
export interface Store {
  /** Rows that a page of observations may have. */
  readonly most: number
  /** Observations that began in the slice, newest first, page by page. Rejects with HttpError or BadAnswer. */
  rows(slice: LangfuseSlice, limit: number, signal: AbortSignal): AsyncIterable<Page>
  /** What the trace of an observation says for it, where the rows themselves do not. */
  traceOf(id: unknown): TraceContext | null
  scores(slice: LangfuseSlice, signal: AbortSignal): AsyncIterable<Page>
}

/** Half of what a page may have: what LiteLLM says of a call is long. */
const ROWS = 500
const ROWS_V1 = 100
const SCORES = 100
/** The first version sends what was said too. */
const LONGEST_V1 = 16 << 20

/** Reading by the second version of the API, which newer servers have and Langfuse's own always. */
export function storeV2(client: LangfuseClient): Store {
  return {
    most: ROWS,
    rows: (slice, limit, signal) =>
      pages('/api/public/v2/observations', byCursor, (cursor) =>
        client.observations({ ...slice, limit, cursor }, signal),
      ),
    traceOf: () => null,
    scores: (slice, signal) =>
      pages('/api/public/v3/scores', byCursor, (cursor) => client.scores({ ...slice, limit: SCORES, cursor }, signal)),
  }
}

/** A trace may have begun this long before what belongs to it. */
const TRACE_LEAD = 3_600_000
const MOST_TRACES = 200_000

/** Reading by the first version, of a server of one's own from before the second: user, session and tags stand in the traces. */
export function storeV1(client: LangfuseClient): Store {
  const traces = new Map<unknown, TraceContext>()
  return {
    most: ROWS_V1,
    async *rows(slice, limit, signal) {
      const wider = { from: slice.from - TRACE_LEAD, to: slice.to, limit: ROWS_V1 }
      const asked = (cursor: string | null) => client.tracesV1({ ...wider, cursor }, signal)
      for await (const { records } of pages('/api/public/traces', byNumber, asked)) {
        if (traces.size > MOST_TRACES) traces.clear()
        for (const { id, userId: user, sessionId: session, name, tags } of records)
          traces.set(id, { user, session, name, tags })
      }
      yield* pages('/api/public/observations', byNumber, (cursor) =>
        client.observationsV1({ ...slice, limit, cursor }, signal),
      )
    },
    traceOf: (id) => traces.get(id) ?? null,
    scores: (slice, signal) =>
      pages('/api/public/v2/scores', byNumber, (cursor) =>
        client.scoresV2({ ...slice, limit: SCORES, cursor }, signal),
      ),
  }
}

type Next = (meta: Json, cursor: string | null) => string | null

const byCursor: Next = ({ cursor }) => (typeof cursor === 'string' && cursor !== '' ? cursor : null)

const byNumber: Next = ({ totalPages }, cursor) => {
  const page = Number(cursor ?? 1)
  return page < Number(totalPages ?? 0) ? String(page + 1) : null
}

/** Follows the pages to the last. Rejects where one leads back to one before it: it would never end. */
async function* pages(
  path: string,
  nextOf: Next,
  ask: (cursor: string | null) => Promise<StreamedAnswer>,
): AsyncGenerator<Page> {
  const asked = new Set<string | null>()
  for (let cursor: string | null = null; ; ) {
    asked.add(cursor)
    const { page, meta } = await read(path, await ask(cursor))
    yield page
    cursor = nextOf(meta, cursor)
    if (cursor === null) return
    if (asked.has(cursor))
      throw new BadAnswer(`${path} leads from page to page in a circle, after ${asked.size} of them`)
  }
}

/** A page that breaks off is none: what it brought is brought again. */
async function read(path: string, answer: StreamedAnswer): Promise<{ page: Page; meta: Json }> {
  const splitter = new JsonSplitter({ rows: 'data', recordBytes: LONGEST_V1 })
  const records: Json[] = []
  const refused: RefusedPiece[] = []
  for await (const piece of splitJson(answer.body, splitter)) {
    if (piece.kind === 'broken') throw new BadAnswer(`${path} broke off at byte ${piece.offset}: ${piece.reason}`)
    if (piece.kind === 'record') records.push(piece.value)
    else refused.push(piece)
  }
  if (!splitter.foundRows) throw new BadAnswer(`${path} answered without a list of rows named "data"`)
  return { page: { records, refused }, meta: object(splitter.envelope.meta) }
}

/** Langfuse cannot answer for even the shortest slice. */
export class TooMuch extends Error {
  override readonly name = 'TooMuch'
}

const SHORTEST = 1000
const FEWEST = 10

/**
 * Reads a slice of time and hands on its pages. One that Langfuse cannot answer for (422) is cut in two, again and again down to a
 * second; then fewer rows a page are asked for. Pages of a slice that is cut come a second time. Rejects with TooMuch at the
 * end of that, with HttpError, BadAnswer, or what `take` rejects with.
 */
export async function readSlice(
  slice: LangfuseSlice,
  store: Store,
  take: (page: Page) => Promise<void>,
  signal: AbortSignal,
  limit: number = store.most,
): Promise<void> {
  try {
    for await (const page of store.rows(slice, limit, signal)) await take(page)
  } catch (error) {
    if (!(error instanceof HttpError) || error.status !== 422) throw error
    const { from, to } = slice
    if (to - from > SHORTEST) {
      const middle = from + Math.ceil((to - from) / 2 / SHORTEST) * SHORTEST
      if (middle < to) {
        await readSlice({ from, to: middle }, store, take, signal, limit)
        return readSlice({ from: middle, to }, store, take, signal, limit)
      }
    }
    if (limit > FEWEST) return readSlice(slice, store, take, signal, Math.max(FEWEST, Math.floor(limit / 4)))
    throw new TooMuch(
      `it has no answer even for the ${to - from} ms from ${new Date(from).toISOString()}, ${limit} rows at a time: ${error.message}`,
    )
  }
}
