import type { Status } from '../../usage.ts'
import type { Call, CallError } from './call.ts'

/** Errors that the caller's own request caused, whoever noticed. */
const REJECTED = new Set([
  'BudgetExceededError',
  'ProxyModelNotFoundError',
  'BadRequestError',
  'InvalidRequestError',
  'UnprocessableEntityError',
  'UnsupportedParamsError',
  'ContextWindowExceededError',
  'ContentPolicyViolationError',
  'NotFoundError',
  'RejectedRequestError',
  'GuardrailRaisedException',
  'BlockedPiiEntityError',
  'JSONSchemaValidationError',
])
const CANCELLED = new Set(['ClientDisconnected', 'CancelledError', 'GeneratorExit'])
/** Ways in which the proxy itself says no. */
const PROXY = new Set([
  'ProxyException',
  'HTTPException',
  'ProxyModelNotFoundError',
  'AuthenticationError',
  'PermissionDeniedError',
])
/** Words by which our own gateway hook's refusals are known: its error type, and what it stamps on a call. */
const OURS = /\b(?:customer_budget_exceeded|customer_budget|budget_blocked|marginwatch)\b/i
const BLOCKED = /^block(?:ed)?$/i

/**
 * The outcome of a call. `failed` is the provider's or the network's doing and counts as an error; `rejected` the caller's or
 * a limit of LiteLLM's own; `blocked` ours; `cancelled` the client's that went away.
 */
export function statusOf(call: Call): Status {
  const { error } = call
  if (error && isCancelled(error)) return 'cancelled'
  if (call.success) return 'success'
  if (isBlocked(call, error)) return 'blocked'
  return error && isRejected(error) ? 'rejected' : 'failed'
}

function isCancelled(error: CallError): boolean {
  return error.code === '499' || CANCELLED.has(error.class ?? '')
}

/** LiteLLM itself answers 402 to nobody; a provider that does so is named in the error. 429 needs one of our own words. */
function isBlocked(call: Call, error: CallError | null): boolean {
  if (call.stamp.action !== null && BLOCKED.test(call.stamp.action)) return true
  if (!error || error.provider !== null || !PROXY.has(error.class ?? '')) return false
  return error.code === '402' || OURS.test(error.message ?? '')
}

function isRejected(error: CallError): boolean {
  if (REJECTED.has(error.class ?? '') || error.normalized === '429_BUDGET_EXCEEDED') return true
  if (error.limit === 'litellm_rate_limit') return true
  if (error.normalized === '429_NO_HEALTHY_DEPLOYMENTS') return false
  return error.provider === null && isOwnRefusal(error)
}

/** The proxy's own no: whatever it calls itself, but for 429, which another may have said, and 408, which is nobody's fault. */
function isOwnRefusal({ code, class: name }: CallError): boolean {
  if (code === '429') return PROXY.has(name ?? '')
  return /^4\d\d$/.test(code ?? '') && code !== '408'
}
