import type { MessageReason, Policy } from '../policy/policy.ts'
import { type Decided, type MeterReading, NO_MODEL, type Reason } from './ask.ts'
import { messageFor } from './messages.ts'
import { type AskedWho, type Request, VERSION } from './request.ts'
import { shown } from './reached.ts'
import { isSpent } from './room.ts'

/** Status and type of a refusal, by its reason. */
const REFUSALS: Readonly<Record<MessageReason, readonly [status: number, type: string]>> = {
  customer: [402, 'customer_budget_exceeded'],
  tenant_day: [402, 'daily_budget_exceeded'],
  agent: [402, 'agent_budget_exceeded'],
  agent_paused: [403, 'agent_paused'],
  session: [402, 'session_budget_exceeded'],
  session_calls: [429, 'session_call_limit'],
  session_rate: [429, 'session_rate_limited'],
  tier: [402, 'tier_budget_exceeded'],
  global: [402, 'budget_exceeded'],
  unknown_customers: [402, 'unknown_customers_budget_exceeded'],
  unpriced: [403, 'model_unpriced'],
  undegradable: [402, 'no_cheaper_model'],
  unreachable: [503, 'decision_unavailable'],
}

/** HTTP status with which a call is refused for a reason; null for one that refuses nothing. */
export function refusalStatus(reason: Reason): number | null {
  return (REFUSALS as Partial<Record<Reason, readonly [number, string]>>)[reason]?.[0] ?? null
}

interface Refusal {
  readonly status: number
  readonly type: string
  readonly message: string
  readonly retry_after?: number
}

interface Remember {
  readonly seconds: number
  readonly when: readonly string[]
  readonly model?: string
  readonly scope: string
  readonly subject: string
}

/** How long a refusal may be remembered while nobody can be asked. */
const BLOCK_SECONDS = 30
/** How long an application may use an answer again; it is told of every change before. */
const ALLOW_SECONDS = 300
/** Seconds after which a caller may try again when no decision could be had. */
const UNREACHABLE_SECONDS = 5

/** The answer to `POST /v1/decisions`, version 1. `traceparent` is the one under which the gateway is to trace the call. */
export function answerTo(
  { asked, language, guard }: Request,
  decided: Decided,
  traceparent: string | null = null,
): Readonly<Record<string, unknown>> {
  const { ask, decision, policy, at } = decided
  const { action, reason, model, maxTokens, fallbacks, because } = decision
  const wording = { tier: ask.who.tier, language }
  const remember = guard ? rememberForGuard(decided, asked) : rememberBlock(decided, asked)
  return {
    version: VERSION,
    call_id: ask.callId,
    action,
    reason,
    ...(action !== 'block' && model !== ask.model ? { model } : {}),
    ...(maxTokens === null ? {} : { max_tokens: maxTokens }),
    fallbacks: fallbacks ? 'keep' : 'off',
    client_fallbacks: policy.budgets.clientFallbacks ? 'keep' : 'remove',
    unreachable: policy.budgets.onUnreachable,
    unreachable_refusal: refusalOf(policy, 'unreachable', { ...wording, resetAt: null, seconds: UNREACHABLE_SECONDS }),
    ...(action === 'block'
      ? { refusal: refusalOf(policy, reason as MessageReason, { ...wording, ...waitOf(decided) }) }
      : {}),
    ...(remember === null ? {} : { remember }),
    ...(traceparent === null || guard ? {} : { traceparent }),
  }

  function waitOf({ decision: { retryAfterMs } }: Decided): { resetAt: number | null; seconds: number | null } {
    const resetAt = because?.meter.end ?? null
    const wait = retryAfterMs ?? (resetAt === null ? null : resetAt - at)
    return { resetAt, seconds: wait === null ? null : Math.max(1, Math.ceil(wait / 1000)) }
  }
}

interface Wording {
  readonly tier: string | null
  readonly language: string | null
  readonly resetAt: number | null
  /** Null = not to be tried again before something changes. */
  readonly seconds: number | null
}

function refusalOf(policy: Policy, reason: MessageReason, { seconds, ...wording }: Wording): Refusal {
  const [status, type] = REFUSALS[reason]
  const message = messageFor(policy, { reason, ...wording })
  return { status, type, message, ...(seconds === null ? {} : { retry_after: seconds }) }
}

/** Marks that a call must have for a refusal of this scope to hold for it; null when none can be named. */
function marksOf(reason: Reason, asked: AskedWho): string[] | null {
  const all = (...of: ('customer' | 'tier' | 'session' | 'agent')[]): string[] | null => {
    const marks = of.map(asked.mark)
    return marks.every((mark) => mark !== null) ? (marks as string[]) : null
  }
  switch (reason) {
    case 'customer':
    case 'tenant_day':
      return all('customer')
    case 'agent':
    case 'agent_paused':
      return all('agent')
    case 'session':
    case 'session_calls':
      return all('customer', 'session')
    case 'tier':
      return all('tier')
    case 'global':
      return []
    default:
      return null
  }
}

/** A refusal is remembered when a smaller call would be refused as well. */
function rememberBlock({ ask, decision, at }: Decided, asked: AskedWho): Remember | null {
  const { action, reason, because } = decision
  if (action !== 'block' || (because !== null && !isSpent(because))) return null
  const when = marksOf(reason, asked)
  if (when === null) return null
  const left = because?.meter.end == null ? BLOCK_SECONDS : Math.floor((because.meter.end - at) / 1000)
  const seconds = Math.min(BLOCK_SECONDS, left)
  return seconds < 1 ? null : { seconds, when, model: ask.model, ...subjectOf(decision.reason, ask.who, because) }
}

/** An application may use any answer again that does not depend on the moment, for who it asked. */
function rememberForGuard({ ask, decision, at }: Decided, asked: AskedWho): Remember | null {
  const { action, reason, because, retryAfterMs } = decision
  if (action === 'count' || retryAfterMs !== null) return null
  const when = action === 'block' ? marksOf(reason, asked) : []
  if (when === null) return null
  const reset = because?.meter.end ?? null
  const most = reset === null ? ALLOW_SECONDS : Math.floor((reset - at) / 1000)
  const model = ask.model === NO_MODEL ? {} : { model: ask.model }
  return { seconds: Math.min(ALLOW_SECONDS, most), when, ...model, ...subjectOf(reason, ask.who, because) }
}

function subjectOf(reason: Reason, who: Decided['ask']['who'], because: MeterReading | null) {
  if (because !== null) return { scope: because.meter.budget.scope, subject: shown(because.meter.subject) }
  if (reason === 'agent_paused') return { scope: 'agent', subject: who.agent ?? '' }
  if (reason === 'session_calls' || reason === 'session_rate')
    return { scope: 'session', subject: `${who.customer}/${who.session ?? ''}` }
  return { scope: 'customer', subject: who.customer }
}
