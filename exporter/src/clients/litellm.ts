import { type HttpOptions, httpClient, type StreamedAnswer } from './http.ts'

/** Rows that began within whole seconds `from` to `to`, both included, epoch milliseconds. */
export interface SpendLogPage {
  readonly from: number
  readonly to: number
  readonly page: number
  /** 1 to 1000. */
  readonly pageSize: number
}

export interface LitellmClient {
  /**
   * One page of the spend log, oldest first, as the bytes of `{data: [row], total, page, page_size, total_pages,
   * total_is_capped}`; a row is about 13 kB. Rejects with HttpError.
   */
  spendLogs(page: SpendLogPage, signal: AbortSignal): Promise<StreamedAnswer>
  /** LiteLLM's price map, by model. Rejects with HttpError. */
  costMap(signal: AbortSignal): Promise<Readonly<Record<string, unknown>>>
  /** LiteLLM's version, or null when it does not tell. Rejects with HttpError. */
  version(signal: AbortSignal): Promise<string | null>
  close(): void
}

/** The version stands at the beginning of a description that is megabytes long. */
const DESCRIPTION_HEAD = 16_384

/** A thin client of LiteLLM's HTTP API. A viewer's key is enough. */
export function litellmClient(options: HttpOptions): LitellmClient {
  const http = httpClient(options)
  return {
    spendLogs({ from, to, page, pageSize }, signal) {
      const window = { start_date: stamp(from), end_date: stamp(to) }
      const order = { page: String(page), page_size: String(pageSize), sort_by: 'startTime', sort_order: 'asc' }
      return http.stream('/spend/logs/v2', { ...window, ...order }, signal)
    },
    async costMap(signal) {
      const map = await http.json('/public/litellm_model_cost_map', {}, signal)
      return typeof map === 'object' && map !== null && !Array.isArray(map) ? (map as Record<string, unknown>) : {}
    },
    async version(signal) {
      const answer = await http.stream('/openapi.json', {}, signal)
      let head = ''
      for await (const part of answer.body) {
        head += Buffer.from(part).toString()
        if (head.length >= DESCRIPTION_HEAD) break
      }
      return answer.headers['x-litellm-version'] ?? /"version"\s*:\s*"([\w.+-]{1,40})"/.exec(head)?.[1] ?? null
    },
    close: () => http.close(),
  }
}

/** `YYYY-MM-DD HH:MM:SS` in UTC, the only form with a time of day that LiteLLM reads. */
function stamp(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}
