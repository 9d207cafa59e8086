import type { Response } from 'express'

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** Answers with an RFC 9457 problem. `detail` says what was found, what was expected and what to do. */
export function problem(
  res: Response,
  status: number,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
): void {
  if (res.headersSent || res.destroyed) return
  const body = { type: 'about:blank', title: TITLES[status] ?? 'Error', status, detail, ...more }
  res.status(status).type('application/problem+json').send(JSON.stringify(body))
}
