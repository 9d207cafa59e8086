const TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  429: 'requests',
}

/** An error as OpenAI writes it. */
export function openaiError(status: number, message: string): object {
  const code = status === 429 ? 'rate_limit_exceeded' : null
  return { error: { message, type: TYPES[status] ?? 'server_error', param: null, code } }
}
