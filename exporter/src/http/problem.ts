import type { Request, Response } from 'express'
import { redact } from '../redact.ts'

/** What an error answer says; sent as RFC 9457 `application/problem+json`. */
export interface ProblemDetails {
  readonly status: number
  /** The kind of problem, the same for every occurrence. */
  readonly title: string
  /** What was found, what was expected, what to do: for the person who reads it. */
  readonly detail?: string
  /** A URI that names the kind; `about:blank` when the status says it all. */
  readonly type?: string
  /** Further members, such as the list of refused fields. They never replace the standard ones. */
  readonly extra?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
}

/** Thrown by a handler to answer with a problem; the error handler sends it as it is. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem'
  readonly problem: ProblemDetails
  constructor(problem: ProblemDetails) {
    super(problem.detail ?? problem.title)
    this.problem = problem
  }
}

/**
 * Answers with a problem (RFC 9457). An answer that has begun is left alone. Never cached. What is still on its way of the
 * request's body is let go by before the answer ends: a connection that is closed under a sender takes the answer with it.
 */
export function problem(res: Response, details: ProblemDetails): void {
  if (res.headersSent || res.destroyed) return
  const { status, title, detail, type = 'about:blank', extra, headers } = details
  for (const [name, value] of Object.entries(headers ?? {})) res.setHeader(name, value)
  res.status(status)
  res.setHeader('Cache-Control', 'no-store')
  res.setHeader('Content-Type', 'application/problem+json')
  const text = JSON.stringify({ ...extra, type, title, status, ...(detail === undefined ? {} : { detail }) })
  res.setHeader('Content-Length', Buffer.byteLength(text))
  res.write(text)
  endBehindBody(res)
}

function endBehindBody(res: Response): void {
  const { req } = res
  const end = () => void res.end()
  if (req.readableEnded || req.destroyed) end()
  else req.once('end', end).once('close', end).resume()
}

/** The last handler of an application: nothing lies at this address. */
export function notFound(req: Request, res: Response): void {
  problem(res, {
    status: 404,
    title: 'Not found',
    detail: `There is nothing at ${redact(req.path, 100)}. The page is at /, metrics are at /metrics, health is at /readyz.`,
  })
}

/** The last handler of a route: the address exists, but not for this method. `GET` implies `HEAD`. */
export function methodNotAllowed(...methods: readonly string[]): (req: Request, res: Response) => void {
  const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
  return (req, res) =>
    problem(res, {
      status: 405,
      title: 'Method not allowed',
      detail: `${req.path} cannot be asked with ${req.method}; it takes ${allow}.`,
      headers: { Allow: allow },
    })
}
