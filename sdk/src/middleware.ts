import type { Request, RequestHandler, Response } from 'express'
import type { Refusal } from './answer.ts'
import { BudgetExceeded } from './budget-exceeded.ts'
import type { Guard } from './guard.ts'
import type { Call, Who } from './question.ts'
import { actionWord, type Verdict } from './verdict.ts'

declare module 'express-serve-static-core' {
  interface Request {
    /** What was decided by `budgetMiddleware`: which model to call, and how long its answer may be. */
    marginwatch?: Verdict
  }
}

export interface MiddlewareOptions {
  /** Whose request it is. */
  readonly who: (req: Request) => Who | Promise<Who>
  /** What is known of the call that the request leads to. */
  readonly call?: ((req: Request) => Call) | undefined
}

/**
 * Express middleware that asks before a request is handled. A refused one is answered 429 (503 where no decision could be had
 * and the guard fails closed) with `{ error: { message, type, retry_after } }` and Retry-After. Others go on with the verdict at
 * `req.marginwatch`: the handler calls `req.marginwatch.model` instead of its own where one is named, and bounds the answer to
 * `maxTokens`. Either way `x-marginwatch-action` says what was done: allow, degrade, block or undecided.
 */
export function budgetMiddleware(guard: Guard, { who, call }: MiddlewareOptions): RequestHandler {
  return async (req, res, next) => {
    const verdict = await guard.checkFor(async () => ({ who: await who(req), call: call?.(req) }))
    if (res.headersSent || res.destroyed) return
    res.setHeader('x-marginwatch-action', actionWord(verdict))
    if (verdict.refusal !== null) return refuse(res, verdict.refusal)
    req.marginwatch = verdict
    next()
  }
}

function refuse(res: Response, refusal: Refusal): void {
  const { status, headers, message, type, retryAfter } = new BudgetExceeded(refusal)
  res.status(status).set(headers).set('Cache-Control', 'no-store')
  res.json({ error: { message, type, retry_after: retryAfter } })
}
