import { randomUUID } from 'node:crypto'
import { nano, usd } from '@marginwatch/pricing'
import express, { type Request, type Response, Router } from 'express'
import { bearerKey, type KeyRing } from '../http/keys.ts'
import { HttpProblem } from '../http/problem.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Action, Nano } from '../usage.ts'
import { AGENT_SUBJECT } from './agents.ts'
import type { Engine } from './engine.ts'

export interface AdminRouteDeps {
  readonly engine: Engine
  readonly append: Ledger['append']
  readonly keys: () => KeyRing
  readonly loopback: boolean
  readonly now: () => number
}

const LONGEST_NAME = 128
const MOST: Nano = 1_000_000_000n * 1_000_000_000n

/**
 * What an administrator does to an agent: `pause`, `unpause`, `budget` and `budget/reset`, by POST. Each is an entry of the
 * ledger with who did it and why, and acts once it is durable. Answers `{success, data}` with the agent as it is then.
 */
export function adminRoutes(deps: AdminRouteDeps): Router {
  const { keys, loopback } = deps
  const router = Router()
  const allowed = [bearerKey({ keys, role: 'admin', loopback }), express.json({ limit: '16kb', type: () => true })]
  const does = (action: Action['action'], detailsOf: DetailsOf) => (req: Request, res: Response) =>
    act(req, res, { ...deps, action, detailsOf })
  router.post(
    '/api/admin/agents/:id/pause',
    allowed,
    does('pause', () => ({})),
  )
  router.post(
    '/api/admin/agents/:id/unpause',
    allowed,
    does('unpause', () => ({})),
  )
  router.post(
    '/api/admin/agents/:id/budget',
    allowed,
    does('budget', ({ body }) => ({ limit: String(limitIn(body)) })),
  )
  router.post('/api/admin/agents/:id/budget/reset', allowed, does('reset', forgiveness))
  return router
}

/** What is forgiven of the running period: all that was spent in it. */
function forgiveness({ agent, engine, now }: Parameters<DetailsOf>[0]): Record<string, string> {
  const [meter] = engine.fold().meters.of({ customer: '', tier: null, session: null, agent }, now())
  if (meter?.budget.scope !== 'agent') throw bad('Agents have no budget in the policy; there is nothing to reset.')
  const { forgiven } = engine.fold().agents.get(agent)
  const before = forgiven?.periodStart === meter.start ? forgiven.amount : 0n
  const spent = engine.fold().meters.spent(meter) + before
  // Corrections can bring a sum below nothing, which there is nothing of to forgive.
  return { period_start: String(meter.start), spent: String(spent < 0n ? 0n : spent) }
}

type DetailsOf = (given: {
  readonly agent: string
  readonly body: Readonly<Record<string, unknown>>
  readonly engine: Engine
  readonly now: () => number
}) => Record<string, string>

interface Acting extends AdminRouteDeps {
  readonly action: Action['action']
  readonly detailsOf: DetailsOf
}

async function act(req: Request, res: Response, deps: Acting): Promise<void> {
  const { engine, now, action, detailsOf } = deps
  if (!engine.ready()) {
    throw new HttpProblem({
      status: 503,
      title: 'warming',
      detail: 'The ledger is still being read.',
      headers: { 'Retry-After': '1' },
    })
  }
  const agent = String(req.params.id)
  if (!/^\P{Cc}+$/u.test(agent) || agent.length > LONGEST_NAME)
    throw bad(
      `Found an agent's name of ${agent.length} characters, expected at most ${LONGEST_NAME} without control characters.`,
    )
  const body = bodyOf(req)
  const entry: Action = {
    kind: 'action',
    version: 1,
    key: `action:${randomUUID()}`,
    subject: `${AGENT_SUBJECT}${agent}`,
    action,
    by: textIn(body, 'by') ?? 'admin',
    reason: textIn(body, 'reason') ?? '',
    at: now(),
    details: detailsOf({ agent, body, engine, now }),
  }
  await deps.append([entry])
  // Durable is not followed yet; what the answer shows must be.
  engine.fold().agents.apply(entry)
  res.json({ success: true, data: stateOf(agent, engine, now()) })
}

function stateOf(agent: string, engine: Engine, at: number) {
  const { agents, meters } = engine.fold()
  const { paused, by, reason } = agents.get(agent)
  const [meter] = meters.of({ customer: '', tier: null, session: null, agent }, at)
  const own = meter?.budget.scope === 'agent' ? meter : null
  return {
    agent_id: agent,
    is_active: !paused,
    by,
    reason,
    budget_limit: own === null ? null : Number(usd(own.budget.limit)),
    current_cost: own === null ? null : Number(usd(meters.spent(own))),
  }
}

function bodyOf(req: Request): Readonly<Record<string, unknown>> {
  const body: unknown = req.body ?? {}
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  throw bad('Expected a JSON object as the body.')
}

function textIn(body: Readonly<Record<string, unknown>>, name: string): string | null {
  const value = body[name]
  if (value === undefined || value === null) return null
  if (typeof value === 'string' && value.length <= 500) return value
  throw bad(`Found ${name} that is no text of at most 500 characters.`)
}

function limitIn(body: Readonly<Record<string, unknown>>): Nano {
  const value = body.max_monthly_cost_usd
  const amount = typeof value === 'number' && Number.isFinite(value) && value >= 0 ? nano(String(value)) : null
  if (amount !== null && amount <= MOST) return amount
  throw bad('Found no usable max_monthly_cost_usd, expected a number of dollars from 0 to 1000000000.')
}

function bad(detail: string): HttpProblem {
  return new HttpProblem({ status: 400, title: 'Not possible', detail })
}
