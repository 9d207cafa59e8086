import { randomUUID } from 'node:crypto'
import express, { type Request as HttpRequest, type Response, Router } from 'express'
import type { Logger } from 'pino'
import { bearerKey, type KeyRing, type Role } from '../http/keys.ts'
import { HttpProblem } from '../http/problem.ts'
import { AUTO } from '../policy/policy.ts'
import { UNATTRIBUTED } from '../usage.ts'
import { answerTo } from './answer.ts'
import type { Ask, Decided } from './ask.ts'
import type { Changes } from './changes.ts'
import type { Engine } from './engine.ts'
import { explanation } from './explain.ts'
import { BadRequest, type ReadRecord, readRequest } from './request.ts'

export interface DecisionRouteDeps {
  readonly engine: Engine
  readonly changes: Changes
  readonly readRecord: ReadRecord
  /** The plan of a customer now, by the roster. */
  readonly tierOf: (customer: string) => string | null
  readonly keys: () => KeyRing
  readonly loopback: boolean
  readonly log: Logger
  /** A clock that never goes back, in nanoseconds. */
  readonly ticks: () => bigint
  /** Under which `traceparent` a call that was decided so is to be traced; null = as it is. */
  readonly traceparent: (decided: Decided) => string | null
  /** Told of each decision and how long it took, in seconds. */
  readonly onDecision: (decided: Decided, seconds: number) => void
}

const BODY = '256kb'

/**
 * `POST /v1/decisions` for gateways and applications, `GET /v1/decisions/changes` for those of them who remember, and
 * `GET /v1/decisions/explain` for people.
 */
export function decisionRoutes(deps: DecisionRouteDeps): Router {
  const { keys, loopback } = deps
  const only = (role: Role) => bearerKey({ keys, role, loopback })
  const router = Router()
  router.post('/v1/decisions', only('gateway'), express.json({ limit: BODY, type: () => true }), (req, res) =>
    answer(req, res, deps),
  )
  router.get('/v1/decisions/changes', only('gateway'), deps.changes.stream)
  router.get('/v1/decisions/explain', only('reader'), (req, res) => explain(req, res, deps))
  return router
}

async function answer(req: HttpRequest, res: Response, deps: DecisionRouteDeps): Promise<void> {
  const begun = deps.ticks()
  refuseWhileWarming(deps.engine)
  const request = readOr400(() => readRequest(req.body, deps.readRecord))
  const decided = await deps.engine.decide(request.ask)
  res.json(answerTo(request, decided, deps.traceparent(decided)))
  deps.onDecision(decided, Number(deps.ticks() - begun) / 1e9)
}

function refuseWhileWarming(engine: Engine): void {
  if (engine.ready()) return
  throw new HttpProblem({
    status: 503,
    title: 'warming',
    detail: 'The ledger is still being read after a start; nothing can be decided before what was spent is known.',
    headers: { 'Retry-After': '1' },
  })
}

function readOr400<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof BadRequest)) throw error
    throw new HttpProblem({ status: 400, title: 'Not a question', detail: `${error.message}.` })
  }
}

const ASKED = ['customer', 'tier', 'session', 'agent', 'model', 'max_tokens', 'input_tokens', 'query_type'] as const

function explain(req: HttpRequest, res: Response, deps: DecisionRouteDeps): void {
  const { engine } = deps
  refuseWhileWarming(engine)
  const unknown = Object.keys(req.query).filter((name) => !(ASKED as readonly string[]).includes(name))
  const [strange] = unknown
  if (strange !== undefined) {
    throw new HttpProblem({
      status: 400,
      title: 'Unknown parameter',
      detail: `Found ${JSON.stringify(strange.slice(0, 40))}, expected some of ${ASKED.join(', ')}.`,
    })
  }
  const text = (name: (typeof ASKED)[number]): string | null => {
    const value = req.query[name]
    return typeof value === 'string' && value !== '' ? value.slice(0, 300) : null
  }
  const count = (name: (typeof ASKED)[number]): number | null => {
    const value = text(name)
    if (value === null) return null
    if (/^\d{1,9}$/.test(value)) return Number(value)
    throw new HttpProblem({
      status: 400,
      title: 'Bad number',
      detail: `Found ${name}=${value.slice(0, 40)}, expected a whole number.`,
    })
  }
  const customer = text('customer') ?? UNATTRIBUTED
  const who = {
    customer,
    tier: text('tier') ?? deps.tierOf(customer),
    user: null,
    session: text('session'),
    agent: text('agent'),
    trace: null,
    queryType: text('query_type'),
  }
  const tokens = count('input_tokens') ?? 1_000
  const ask: Ask = {
    callId: randomUUID(),
    model: text('model') ?? AUTO,
    maxTokens: count('max_tokens'),
    answers: 1,
    input: { bytes: tokens * 4, tokens, images: 0, opaque: 0, cacheWrites: false },
    serviceTier: null,
    settles: false,
    needs: [],
    who,
  }
  const decided = engine.consider(ask)
  const all = engine.fold().meters.of(who, decided.at).map(engine.reading)
  res.json(explanation(decided, all))
}
