import { type Nano, usd } from '@marginwatch/pricing'
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
  /** Every customer with its budget, as the bytes of an array, without pages. Rejects with HttpError. */
  customers(signal: AbortSignal): Promise<StreamedAnswer>
  /** A page, from 1, of at most 100 keys, as the bytes of `{keys: [key], total_count, …}`. Rejects with HttpError. */
  keys(page: number, signal: AbortSignal): Promise<StreamedAnswer>
  /** Every budget, as the bytes of an array. Rejects with HttpError. */
  budgets(signal: AbortSignal): Promise<StreamedAnswer>
  /** Makes a budget. Rejects with HttpError, with status 400 when there is one of this id. */
  newBudget(budget: BudgetFields & { readonly id: string }, signal: AbortSignal): Promise<void>
  /** Changes what is given of a budget and leaves the rest. Rejects with HttpError. */
  updateBudget(budget: BudgetFields & { readonly id: string }, signal: AbortSignal): Promise<void>
  /** Deletes a budget; whoever had it has none then. Rejects with HttpError. */
  deleteBudget(id: string, signal: AbortSignal): Promise<void>
  /** Makes a customer with a budget that there is. Rejects with HttpError, with status 400 when there is one of this id. */
  newCustomer(customer: string, budgetId: string, signal: AbortSignal): Promise<void>
  /**
   * Gives a customer another budget, or its own again: the next call is judged by what the budget says now, where it would
   * otherwise be by what was remembered for up to a minute. Rejects with HttpError, with status 404 when there is no such customer.
   */
  linkCustomer(customer: string, budgetId: string, signal: AbortSignal): Promise<void>
  /** Those of these paths that its description of itself names. Rejects with HttpError. */
  endpoints(wanted: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>>
  /** LiteLLM's version, or null when it does not tell. Rejects with HttpError. */
  version(signal: AbortSignal): Promise<string | null>
  close(): void
}

/** What is written of a budget. */
export interface BudgetFields {
  /** Null = no limit. */
  readonly limit?: Nano | null
  /** As LiteLLM writes it, e.g. `1mo`. */
  readonly duration?: string
  /** When it sets the spend of its customers to zero next, epoch milliseconds. */
  readonly resetAt?: number
}

/** The version stands at the beginning of a description that is megabytes long. */
const DESCRIPTION_HEAD = 16_384
/** The most that LiteLLM gives in a page of keys. */
export const KEYS_PAGE = 100

/** A thin client of LiteLLM's HTTP API. A viewer's key is enough to read, an administrator's is needed to write. */
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
    customers: (signal) => http.stream('/customer/list', {}, signal),
    keys(page, signal) {
      return http.stream(
        '/key/list',
        { page: String(page), size: String(KEYS_PAGE), return_full_object: 'true' },
        signal,
      )
    },
    budgets: (signal) => http.stream('/budget/list', {}, signal),
    async newBudget(budget, signal) {
      await http.post('/budget/new', budgetBody(budget), signal)
    },
    async updateBudget(budget, signal) {
      await http.post('/budget/update', budgetBody(budget), signal)
    },
    async deleteBudget(id, signal) {
      await http.post('/budget/delete', { id }, signal)
    },
    async newCustomer(customer, budgetId, signal) {
      await http.post('/customer/new', { user_id: customer, budget_id: budgetId }, signal)
    },
    async linkCustomer(customer, budgetId, signal) {
      await http.post('/customer/update', { user_id: customer, budget_id: budgetId }, signal)
    },
    async endpoints(wanted, signal) {
      const { body } = await http.stream('/openapi.json', {}, signal)
      return named(body, wanted)
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

/** Only the given fields: LiteLLM takes a field that is there and null for "no more of this". */
function budgetBody({ id, limit, duration, resetAt }: BudgetFields & { readonly id: string }): object {
  return {
    budget_id: id,
    ...(limit === undefined ? {} : { max_budget: limit === null ? null : Number(usd(limit)) }),
    ...(duration === undefined ? {} : { budget_duration: duration }),
    ...(resetAt === undefined ? {} : { budget_reset_at: new Date(resetAt).toISOString() }),
  }
}

/** `YYYY-MM-DD HH:MM:SS` in UTC, the only form with a time of day that LiteLLM reads. */
function stamp(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}

/**
 * The paths that a description names. It has megabytes: looked through as it arrives, because parsing it at once would keep
 * everybody else waiting. A path is a key there, and no other text can hold a quotation mark of its own.
 */
async function named(body: AsyncIterable<Uint8Array>, wanted: readonly string[]): Promise<ReadonlySet<string>> {
  const keys = wanted.map((path) => ({ path, key: new RegExp(`"${path.replaceAll('/', '\\\\?/')}"\\s*:\\s*\\{`) }))
  const overlap = 2 * Math.max(...wanted.map((path) => path.length)) + 64
  const found = new Set<string>()
  const decoder = new TextDecoder()
  let text = ''
  for await (const part of body) {
    text = text.slice(-overlap) + decoder.decode(part, { stream: true })
    for (const { path, key } of keys) if (!found.has(path) && key.test(text)) found.add(path)
  }
  return found
}
