import { writeFileSync } from 'node:fs'
import { type Attempt, type Call, failureKey, successKey } from './call.ts'
import { allTokens, NO_TOKENS, type TokenCounts } from './tokens.ts'
import type { Model } from './models.ts'

/** How much of something there was. */
export interface Sum {
  calls: number
  /** Nano-dollars. */
  cost: bigint
  tokens: number
}

/** One way of counting. Names that a call does not carry are under `''`; days are UTC, `YYYY-MM-DD`. */
export interface View extends Readonly<Sum> {
  /** Calls whose model has no known price: they cost null and add nothing to `cost`. */
  readonly unpriced: number
  readonly cacheHits: number
  /** What the cache hits would have cost. */
  readonly saved: bigint
  readonly tokensByClass: Readonly<Record<keyof TokenCounts, number>>
  readonly byStatus: Readonly<Record<string, Sum>>
  readonly byCustomer: Readonly<Record<string, Sum>>
  readonly byTier: Readonly<Record<string, Sum>>
  readonly byUser: Readonly<Record<string, Sum>>
  readonly bySession: Readonly<Record<string, Sum>>
  readonly byAgent: Readonly<Record<string, Sum>>
  readonly byOperation: Readonly<Record<string, Sum>>
  readonly byQueryType: Readonly<Record<string, Sum>>
  readonly byEnvironment: Readonly<Record<string, Sum>>
  readonly byModel: Readonly<Record<string, Sum>>
  readonly byDay: Readonly<Record<string, Sum>>
}

/**
 * Who spent what, in nano-dollars, counted in two ways.
 *
 * The fields of the truth itself are the client's view: one call is one call, whatever happened to it inside the gateway.
 * `events` is what a ledger holds that got every pushed record of a gateway without our hook (see `successKey`).
 *
 * - A try that failed before a retry or a fallback: no call, no cost; in `events` all such tries of a call together are one
 *   event of status `failed` (they cannot be told from a final failure when they arrive), dated by the first of them. The
 *   rows of `/spend/logs/v2` have none of them: a ledger that only polled holds the client's view.
 * - A call that finally fails: one call `failed`; its earlier tries are the same event as itself.
 * - A cache hit: one call `success`, tokens counted, cost 0; what it saved is in `saved`.
 * - A free model: cost 0. A model without a known price: cost null, counted in `unpriced`, tokens counted.
 * - A call id that the client chose and used again: calls with different response ids are different events.
 * - An aborted stream: `success`, with LiteLLM's own count of tokens and its cost.
 * - `blocked`, `rejected`, `failed`: no tokens (LiteLLM's row counts the prompt of a failed call; nobody is charged for it).
 */
export interface Truth extends View {
  readonly events: View
}

/** Adds up calls one by one, so that a month need not be in memory. */
export interface TruthKeeper {
  add(call: Call): void
  truth(): Truth
}

export function keepTruth(): TruthKeeper {
  const calls = createView()
  const events = createView()
  const keys = new Set<string>()
  const addOnce = (key: string, add: () => void): void => {
    if (keys.has(key)) return
    keys.add(key)
    add()
  }
  return {
    add(call) {
      calls.add(call)
      const [first] = call.attempts
      if (first) addOnce(failureKey(call), () => events.add(asFailure(call, first)))
      addOnce(call.outcome === 'success' ? successKey(call) : failureKey(call), () => events.add(call))
    },
    truth: () => ({ ...calls.view(), events: events.view() }),
  }
}

/** Adds up calls; see `Truth` for how each oddity counts. */
export function truthOf(calls: Iterable<Call>): Truth {
  const keeper = keepTruth()
  for (const call of calls) keeper.add(call)
  return keeper.truth()
}

/** Writes a truth as JSON; amounts of nano-dollars are decimal text. */
export function writeTruth(file: string, truth: Truth): void {
  const text = JSON.stringify(truth, (_, value) => (typeof value === 'bigint' ? String(value) : value), 1)
  writeFileSync(file, `${text}\n`)
}

/** The record of a try, seen on its own. */
function asFailure(call: Call, { failure, model, beforeMs, tookMs }: Attempt): Call {
  const start = call.start - beforeMs
  const nothing = { tokens: NO_TOKENS, cost: 0n, saved: null, cacheHit: false, attempts: [] }
  return { ...call, ...nothing, outcome: 'failed', failure, model, start, end: start + tookMs }
}

const GROUPS = {
  byStatus: (call: Call) => call.outcome,
  byCustomer: (call: Call) => call.customer,
  byTier: (call: Call) => call.tier,
  byUser: (call: Call) => call.user,
  bySession: (call: Call) => call.session,
  byAgent: (call: Call) => call.agent,
  byOperation: (call: Call) => call.operation,
  byQueryType: (call: Call) => call.queryType,
  byEnvironment: (call: Call) => call.environment,
  byModel: (call: Call) => modelName(call.model, call.asked),
  byDay: (call: Call) => dayOf(call.start),
} as const
type Group = keyof typeof GROUPS
const GROUP_NAMES = Object.keys(GROUPS) as readonly Group[]

function modelName(model: Model | null, asked: string): string {
  return model?.name ?? asked
}

const DAY = 86_400_000
const DAYS = new Map<number, string>()

function dayOf(time: number): string {
  const day = Math.floor(time / DAY)
  let text = DAYS.get(day)
  if (text === undefined) {
    text = new Date(day * DAY).toISOString().slice(0, 10)
    DAYS.set(day, text)
  }
  return text
}

function createView() {
  const total: Sum = { calls: 0, cost: 0n, tokens: 0 }
  const count = { unpriced: 0, cacheHits: 0, saved: 0n }
  const tokensByClass = { ...NO_TOKENS } as Record<keyof TokenCounts, number>
  const groups = GROUP_NAMES.map((name) => ({ of: GROUPS[name], sums: new Map<string, Sum>() }))
  return {
    add(call: Call): void {
      addTo(total, call)
      if (call.cost === null) count.unpriced += 1
      if (call.cacheHit) count.cacheHits += 1
      count.saved += call.saved ?? 0n
      for (const name of TOKEN_NAMES) tokensByClass[name] += call.tokens[name]
      for (const { of, sums } of groups) addTo(sumOf(sums, of(call) ?? ''), call)
    },
    view(): View {
      const named = groups.map(({ sums }, index) => [GROUP_NAMES[index], Object.fromEntries(sums)])
      const by = Object.fromEntries(named) as Record<Group, Record<string, Sum>>
      return { ...total, ...count, tokensByClass: { ...tokensByClass }, ...by }
    },
  }
}

const TOKEN_NAMES = Object.keys(NO_TOKENS) as readonly (keyof TokenCounts)[]

function sumOf(sums: Map<string, Sum>, name: string): Sum {
  let sum = sums.get(name)
  if (!sum) {
    sum = { calls: 0, cost: 0n, tokens: 0 }
    sums.set(name, sum)
  }
  return sum
}

function addTo(sum: Sum, call: Call): void {
  sum.calls += 1
  sum.cost += call.cost ?? 0n
  sum.tokens += allTokens(call.tokens)
}
