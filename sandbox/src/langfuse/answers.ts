/** What is sent back. A `body` that is null is sent as an empty object. */
export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export function ok(body: unknown): Answer {
  return { status: 200, body }
}

/** A request whose form is right and whose meaning is not. */
export function invalid(message: string): Answer {
  return { status: 400, body: { message, error: 'InvalidRequestError' } }
}

/** A request whose form is wrong; `issues` name the path to each fault. */
export function malformed(issues: readonly object[]): Answer {
  return { status: 400, body: { message: 'Invalid request data', error: issues } }
}

export function unauthorized(message: string): Answer {
  return { status: 401, body: { message } }
}

export function forbidden(message: string): Answer {
  return { status: 403, body: { message } }
}

export function methodNotAllowed(): Answer {
  return { status: 405, body: { message: 'Method not allowed', error: 'MethodNotAllowedError' } }
}

/** A v2 route while the reads of version 4 are off. */
export function readsAreOff(): Answer {
  const message = 'This endpoint is not available on this server: the reads of version 4 are not enabled.'
  return { status: 404, body: { message, error: 'LangfuseNotFoundError' } }
}

/** A legacy route of a server that writes events only: said before anybody looks at the key. */
export function goneInEventsOnly(path: string): Answer {
  const message = `${path} is not available: this server runs in events_only mode. Use the v2 endpoints instead.`
  return { status: 404, body: { message } }
}

/** ClickHouse ran out of memory or time. */
export function tooLong(): Answer {
  return { status: 422, body: { message: 'Request timed out. Narrow the time range.', error: 'Request timed out' } }
}

/** The answer would be larger than a server sends. */
export function tooLarge(): Answer {
  return { status: 422, body: { message: 'The response is too large. Ask for less.', error: 'PayloadTooLargeError' } }
}

export interface Limited {
  readonly retryAfterSeconds: number
  readonly limit: number
  /** Epoch milliseconds. */
  readonly resetAt: number
}

/** Too many requests in a window. `X-RateLimit-Reset` is the text of a JavaScript date, not a number. */
export function limited({ retryAfterSeconds, limit, resetAt }: Limited): Answer {
  const reset = new Date(resetAt)
  return {
    status: 429,
    headers: {
      'retry-after': String(retryAfterSeconds),
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': reset.toString(),
    },
    body: {
      message: 'Rate limit exceeded',
      code: 'rate_limited',
      details: { retryAfterSeconds, limit, remaining: 0, resetAt: reset.toISOString() },
    },
  }
}
