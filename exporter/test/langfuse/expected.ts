import { allTokens, type Call, type MixtureTruth, nanoCost, type Passed } from '@marginwatch/sandbox'
import type { LangfusePolicy } from '../../src/policy/policy.ts'
import { calendar } from './world.ts'

export interface Sum {
  calls: number
  /** Nano-dollars. */
  cost: bigint
  tokens: number
}

/** A call as it counts, by what passed the gateway and, where that did not, by what Langfuse has of it. */
interface Counted extends Sum {
  readonly day: number
  readonly customer: string
  readonly tier: string
  readonly model: string
  readonly status: string
  readonly session: string | null
}

type Role = LangfusePolicy['role']

/** What counts as spend: all that passed the gateway; in the role `spend` also what Langfuse alone saw. */
export function countedOf(passed: readonly Passed[], role: Role): readonly Counted[] {
  return passed.flatMap(({ call, way }) => {
    if (way === 'langfuse' && role === 'reconcile') return []
    return [
      {
        day: calendar.day(call.start),
        customer: call.customer ?? 'unattributed',
        tier: call.tier ?? '',
        model: bare(call),
        status: call.outcome,
        // LiteLLM's own refusal looks at nothing of the request, the session included.
        session: call.failure === 'native_budget' ? null : call.session,
        calls: 1,
        // An answer from the cache used no tokens.
        tokens: call.cacheHit ? 0 : allTokens(call.tokens),
        cost: (way === 'langfuse' ? listed(call) : call.cost) ?? 0n,
      },
    ]
  })
}

/** By the price list for the classes of tokens that Langfuse has: what was written to a cache is among the input there. */
function listed({ model, tokens, outcome }: Call): bigint | null {
  if (model === null || outcome !== 'success') return 0n
  const input = tokens.input + tokens.cacheWrite5m + tokens.cacheWrite1h
  const cost = nanoCost(model, { ...tokens, input, cacheWrite5m: 0, cacheWrite1h: 0 })
  return cost === null ? null : BigInt(cost)
}

function bare({ model, asked }: Call): string {
  return model === null ? asked : model.name.slice(model.name.indexOf('/') + 1)
}

/** Sums by a name; what adds up to nothing at all is left out. */
export function sumBy<T extends Sum>(list: readonly T[], name: (one: T) => string | null): Record<string, Sum> {
  const sums = new Map<string, Sum>()
  for (const one of list) {
    const key = name(one)
    if (key === null) continue
    const sum = sums.get(key) ?? { calls: 0, cost: 0n, tokens: 0 }
    sums.set(key, {
      calls: sum.calls + one.calls,
      cost: sum.cost + one.cost,
      tokens: sum.tokens + one.tokens,
    })
  }
  const some = [...sums].filter(([, { calls, cost, tokens }]) => calls !== 0 || cost !== 0n || tokens !== 0)
  return Object.fromEntries(some.sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Runs of tools, by name and how they ended. */
export function toolsOf({ tools }: MixtureTruth): Record<string, number> {
  const counts = Object.entries(tools).flatMap(([name, { calls, failed }]): [string, number][] => [
    [`${name} failed`, failed],
    [`${name} success`, calls - failed],
  ])
  return Object.fromEntries(counts.filter(([, n]) => n > 0))
}

export const REASONS = ['missing_here', 'missing_there', 'price', 'tokens', 'day_boundary'] as const
export type Reason = (typeof REASONS)[number]

/** A day and a model in the reconciliation. */
export interface Compared extends Record<Reason, number> {
  readonly day: number
  readonly model: string
  readonly provider: string
  events: number
  observations: number
  hereCost: bigint
  thereCost: bigint
  hereTokens: number
  thereTokens: number
}

/** What the reconciliation must say, by day, model and provider, by what was done with each call. */
export function comparedOf(passed: readonly Passed[]): Record<string, Compared> {
  const rows = new Map<string, Compared>()
  for (const one of passed) {
    if (!isCompared(one)) continue
    const { call, way } = one
    const day = calendar.day(call.start)
    const key = { day, model: bare(call), provider: way === 'langfuse' ? '' : providerOf(call) }
    const row = rows.get(rowName(key)) ?? { ...key, ...nothing() }
    rows.set(rowName(key), row)
    if (way !== 'langfuse') {
      row.events += 1
      row.hereCost += call.cost ?? 0n
      row.hereTokens += allTokens(call.tokens)
    }
    if (way !== 'gateway') {
      row.observations += 1
      row.thereCost += shownCost(one)
      row.thereTokens += one.edit?.what === 'tokens' ? one.edit.tokens : allTokens(call.tokens)
    }
    const reason = reasonOf(one)
    if (reason !== null) row[reason] += 1
  }
  return Object.fromEntries([...rows].sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function rowName({ day, model, provider }: Pick<Compared, 'day' | 'model' | 'provider'>): string {
  return `${day} ${model} ${provider}`
}

/** What was refused, failed or came from a cache used nothing: nothing of it is compared. */
export function isCompared({ call }: Passed): boolean {
  return call.outcome === 'success' && !call.cacheHit
}

/** The one fault that was put into a call, as it is to be named; null where the two places say the same. */
export function reasonOf({ call, way, edit }: Passed): Reason | null {
  if (way === 'langfuse') return 'missing_here'
  if (way === 'gateway') return 'missing_there'
  switch (edit?.what) {
    case 'tokens':
      return 'tokens'
    // What a call cost that nobody has a price for is not known, and not compared.
    case 'cost':
      return call.cost === null ? null : 'price'
    case 'time':
      return calendar.day(call.start + edit.byMs) === calendar.day(call.start) ? null : 'day_boundary'
    default:
      return null
  }
}

/** Langfuse has the cost that LiteLLM told it; what an application traced by itself came without one. */
function shownCost({ call, way, lent, edit }: Passed): bigint {
  if (edit?.what === 'cost') return BigInt(Math.round(edit.usd * 1e9))
  return way === 'langfuse' || lent ? 0n : (call.cost ?? 0n)
}

function providerOf({ model }: Call): string {
  return model === null ? '' : model.provider === 'gemini' ? 'google' : model.provider
}

function nothing() {
  return {
    events: 0,
    observations: 0,
    hereCost: 0n,
    thereCost: 0n,
    hereTokens: 0,
    thereTokens: 0,
    missing_here: 0,
    missing_there: 0,
    price: 0,
    tokens: 0,
    day_boundary: 0,
  }
}
