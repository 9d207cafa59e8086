import { randomUUID } from 'node:crypto'
import { usd } from '@marginwatch/pricing'
import express, { type Request, type Response, Router } from 'express'
import type { Calendar } from '../calendar.ts'
import { dayText } from '../calendar.ts'
import { bearerKey, type KeyRing, type Role } from '../http/keys.ts'
import { HttpProblem } from '../http/problem.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { RESERVED } from '../policy/names.ts'
import type { Policy } from '../policy/policy.ts'
import type { Nano } from '../usage.ts'
import { differences } from './differences.ts'
import { changesOf } from './entries.ts'
import type { RosterFold } from './fold.ts'
import { bad, readChange, readEnd, type Wish } from './request.ts'
import type { Span } from './spans.ts'
import type { Segment } from './timeline.ts'
import { NO_CUSTOMER, type Said, spansOf } from './wanted.ts'

export interface RosterRouteDeps {
  readonly fold: RosterFold
  readonly append: Ledger['append']
  readonly calendar: Calendar
  readonly policy: () => Policy
  /** Name under which a customer's calls are kept. */
  readonly nameOf: (id: string) => string
  readonly keys: () => KeyRing
  readonly loopback: boolean
  readonly now: () => number
  /** A change was made. Never rejects. */
  readonly changed: () => Promise<unknown>
  /** What is not as the files say, in sentences. */
  readonly notes: () => readonly string[]
}

const LONGEST_NAME = 256
const PAGE = 1_000
const MOST = 10_000

/**
 * Who the customers are: `GET /api/customers` and `GET /api/customers/:id` for readers; `PUT` and `DELETE` of
 * `/api/admin/customers/:id` for administrators. A change is an entry of the ledger with who made it and why, is answered when
 * it is durable, and may name a date in the past: it is the deliberate way to do so.
 */
export function rosterRoutes(deps: RosterRouteDeps): Router {
  const { keys, loopback, policy, now, calendar } = deps
  const router = Router()
  const only = (role: Role) => bearerKey({ keys, role, loopback })
  const changes = [only('admin'), express.json({ limit: '16kb', type: () => true })]
  const options = () => ({ policy: policy(), today: calendar.dayStart(calendar.day(now())) })
  router.get('/api/customers', only('reader'), (req, res) => list(req, res, deps))
  router.get('/api/customers/:id', only('reader'), (req, res) => {
    const customer = nameIn(req, deps)
    known(customer, deps)
    res.json({ success: true, data: stateOf(customer, deps) })
  })
  router.put('/api/admin/customers/:id', changes, (req: Request, res: Response) => {
    const customer = nameIn(req, deps)
    return change(res, customer, readChange(req.body, options()), deps)
  })
  router.delete('/api/admin/customers/:id', changes, (req: Request, res: Response) => {
    const customer = nameIn(req, deps)
    const wish = readEnd(req.body, options())
    known(customer, deps)
    return change(res, customer, wish, deps)
  })
  return router
}

function list(req: Request, res: Response, deps: RosterRouteDeps): void {
  const { timeline } = deps.fold
  const limit = req.query.limit === undefined ? PAGE : Number(req.query.limit)
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST)
    throw bad(`Found limit=${String(req.query.limit).slice(0, 40)}, expected a whole number from 1 to ${MOST}.`)
  const after = typeof req.query.after === 'string' ? req.query.after : ''
  const all = [...timeline.customers(-Infinity, Infinity)].filter((name) => name > after).sort()
  const page = all.slice(0, limit)
  const today = deps.calendar.dayStart(deps.calendar.day(deps.now()))
  res.json({
    success: true,
    data: page.map((customer) => stateOf(customer, deps)),
    next: all.length > page.length ? page.at(-1) : null,
    assumed: timeline.assumed(today, deps.now() + 1),
    notes: deps.notes(),
  })
}

async function change(res: Response, customer: string, wish: Wish, deps: RosterRouteDeps): Promise<void> {
  const { fold, append } = deps
  const { timeline } = fold
  const end = wish.to ?? Infinity
  if (timeline.said('file', customer).some((span) => span.from < end && span.to > wish.from)) {
    throw new HttpProblem({
      status: 409,
      title: 'The file counts',
      detail: `${customer} is named in a file, and what files say counts more than this. Change it there, or take it out there first.`,
    })
  }
  const said = timeline.said('rest', customer)
  const spans = differences(wantedBy(wish, said), said, wish.from)
  if (spans.length > 0) {
    // Unlike a file, a person may say the same again for another reason.
    const entries = changesOf(timeline, 'rest', customer, spans, wish)
    const { seq } = await append(entries.map((entry) => ({ ...entry, key: `roster:${randomUUID()}` })))
    await fold.reached(seq)
    await deps.changed()
  }
  res.json({ success: true, data: stateOf(customer, deps) })
}

/** From the wish's first moment on: what it says, and behind its end what was said before, or that it is no customer. */
function wantedBy(wish: Wish, said: readonly Span<Said>[]): Span<Said>[] {
  const { tier, from, to } = wish
  const own = tier === null ? [{ from, to: Infinity, value: NO_CUSTOMER }] : spansOf({ ...wish, tier })
  if (to === null) return own
  const behind = said.filter((span) => span.to > to).map((span) => ({ ...span, from: Math.max(span.from, to) }))
  const next = behind[0]?.from ?? Infinity
  return [...own, ...(next > to ? [{ from: to, to: next, value: NO_CUSTOMER }] : []), ...behind]
}

function nameIn(req: Request, { nameOf }: RosterRouteDeps): string {
  const id = String(req.params.id)
  if (!/^\P{Cc}+$/u.test(id) || id.length > LONGEST_NAME)
    throw bad(`Found a name of ${id.length} characters, expected at most ${LONGEST_NAME} without control characters.`)
  if (RESERVED.includes(id)) throw bad(`Found ${JSON.stringify(id)}, which stands for calls without a customer.`)
  return nameOf(id)
}

function known(customer: string, { fold }: RosterRouteDeps): void {
  if (fold.timeline.segments(customer, -Infinity, Infinity).length > 0) return
  throw new HttpProblem({
    status: 404,
    title: 'Not found',
    detail: `Nobody has said that ${customer} is a customer: no file, no change by REST, not LiteLLM, and no call with a tier.`,
  })
}

function stateOf(customer: string, { fold, calendar, now }: RosterRouteDeps) {
  const { timeline } = fold
  const standing = timeline.at(customer, now())
  const dollars = (amount: Nano | null) => (amount === null ? null : Number(usd(amount)))
  const price = (tier: string, own: Nano | null, at: number) => dollars(own ?? timeline.planPrice(tier, at))
  const day = (at: number) => (Number.isFinite(at) ? dayText(calendar.day(at)) : null)
  const segment = ({ tier, price: own, trial, origin, from, to }: Segment) => ({
    tier,
    own_price_usd: dollars(own),
    trial,
    origin,
    from: day(from),
    to: day(to),
  })
  return {
    customer,
    tier: standing?.tier ?? null,
    price_usd: standing === null ? null : price(standing.tier, standing.price, now()),
    trial: standing?.trial ?? false,
    origin: standing?.origin ?? null,
    timeline: timeline.segments(customer, -Infinity, Infinity).map(segment),
  }
}
