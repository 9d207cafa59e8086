import type { Refusal } from './answer.ts'

/** A refusal as RFC 9457 has it. */
export interface RefusalProblem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly detail: string
  /** The kind of refusal, such as `customer_budget_exceeded`. */
  readonly code: string
  readonly retry_after: number | null
}

/**
 * A call was refused before it was made. The message is fit for an end user. Express answers an error with its `status` and
 * `headers`; `JSON.stringify` gives an RFC 9457 problem.
 */
export class BudgetExceeded extends Error {
  override readonly name = 'BudgetExceeded'
  /** 429; 503 where nothing is exceeded and only the decision was not to be had. */
  readonly status: 429 | 503
  /** The kind of refusal, such as `customer_budget_exceeded`. */
  readonly type: string
  /** Seconds until it is worth trying again; null when nobody knows. */
  readonly retryAfter: number | null
  readonly headers: Readonly<Record<string, string>>

  constructor({ status, type, message, retryAfter }: Refusal) {
    super(message)
    this.status = status === 503 ? 503 : 429
    this.type = type
    this.retryAfter = retryAfter
    this.headers = retryAfter === null ? {} : { 'Retry-After': String(retryAfter) }
  }

  toJSON(): RefusalProblem {
    const { status, type, message, retryAfter } = this
    const title = status === 503 ? 'Service Unavailable' : 'Too Many Requests'
    return { type: 'about:blank', title, status, detail: message, code: type, retry_after: retryAfter }
  }
}
