import { STATUS_CODES } from 'node:http'
import type { ErrorRequestHandler, Request } from 'express'
import { HttpProblem, type ProblemDetails, problem } from './problem.ts'

export interface ErrorHandlerOptions {
  /** Told of every error that is ours (5xx), with all that the caller is not told. */
  readonly log: (error: unknown, req: Request) => void
  /** Turns errors of other units (a ledger that is busy, …) into problems; null = not one of those. */
  readonly translate?: (error: unknown) => ProblemDetails | null
}

/**
 * Turns whatever a handler threw into a problem. A caller learns what it did wrong (4xx); of our own faults it learns that
 * there was one, and never a stack trace, a path or a message that was not written for it.
 */
export function errorHandler(options: ErrorHandlerOptions): ErrorRequestHandler {
  return (error, req, res, next) => {
    const details = describe(error, options.translate)
    if (details.status >= 500) options.log(error, req)
    if (res.headersSent) next(error)
    else problem(res, details)
  }
}

function describe(error: unknown, translate?: ErrorHandlerOptions['translate']): ProblemDetails {
  if (error instanceof HttpProblem) return error.problem
  return translate?.(error) ?? requestProblem(error) ?? UNEXPECTED
}

const UNEXPECTED: ProblemDetails = {
  status: 500,
  title: 'Internal error',
  detail: 'Something went wrong here, not in your request. The reason is in the log of the exporter.',
}

/** Sentences for what express and its body parsers refuse, by their `type`. */
const REFUSED: Readonly<Record<string, string>> = {
  'entity.too.large': 'The body is larger than this server takes. Send it in smaller parts, or raise the body limit.',
  'entity.parse.failed': 'The body is not valid JSON.',
  'encoding.unsupported': 'The body has a content encoding that is not understood; send it plain, or with gzip.',
  'charset.unsupported': 'The body has a character set that is not understood; send UTF-8.',
  'request.aborted': 'The connection ended before the whole body had arrived.',
  'request.size.invalid': 'The body is not as long as its Content-Length says.',
}

function requestProblem(error: unknown): ProblemDetails | null {
  if (!(error instanceof Error)) return null
  const status = 'status' in error ? error.status : undefined
  if (typeof status !== 'number' || status < 400 || status > 499) return null
  const type = 'type' in error && typeof error.type === 'string' ? error.type : ''
  const detail = REFUSED[type]
  return { status, title: STATUS_CODES[status] ?? 'Request refused', ...(detail === undefined ? {} : { detail }) }
}
