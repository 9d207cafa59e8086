/** What a caller reads instead of an answer. */
export interface Refusal {
  /** The status that the exporter gives it: 402, 403, 429, 503. */
  readonly status: number
  /** The kind, such as `customer_budget_exceeded`. */
  readonly type: string
  /** A sentence fit for an end user. */
  readonly message: string
  /** Seconds until it is worth trying again; null when nobody knows. */
  readonly retryAfter: number | null
}

/** For how long, and for which calls, an answer holds. */
export interface Remember {
  readonly seconds: number
  /** A refusal holds for each call that has all these marks, `place=value`. */
  readonly when: readonly string[]
  /** … and that asks for this model; null = for any. */
  readonly model: string | null
  /** Whose limit spoke, as `scope=subject`; null when not told. */
  readonly subject: string | null
}

/** The exporter's answer to a question, checked. */
export interface Answer {
  readonly action: 'allow' | 'degrade' | 'block' | 'count'
  readonly reason: string
  readonly model: string | null
  readonly maxTokens: number | null
  /** Set when, and only when, the action is `block`. */
  readonly refusal: Refusal | null
  readonly remember: Remember | null
  /** The policy's word for calls that no decision can be had for; null when not told. */
  readonly unreachable: 'allow' | 'block' | null
  readonly unreachableRefusal: Refusal | null
}

/** An answer that is a decision. */
export interface Decided extends Answer {
  readonly action: 'allow' | 'degrade' | 'block'
}

export function isDecided(answer: Answer): answer is Decided {
  return answer.action !== 'count'
}

const ACTIONS = ['allow', 'degrade', 'block', 'count'] as const
const MOST_MARKS = 16

/** Reads an answer of version 1. A string says why it cannot be used. Fields that are not known are left alone. */
export function readAnswer(value: unknown): Answer | string {
  const answer = record(value)
  if (answer === null) return 'an answer that is no JSON object'
  if (answer.version !== 1) return `version ${shown(answer.version)} of the answer; this package reads version 1`
  const action = ACTIONS.find((known) => known === answer.action)
  if (action === undefined) return `the action ${shown(answer.action)}; expected one of ${ACTIONS.join(', ')}`
  const refusal = action === 'block' ? readRefusal(answer.refusal) : null
  if (action === 'block' && refusal === null) return 'a block without a refusal that has status, type and message'
  return {
    action,
    reason: text(answer.reason) ?? 'ok',
    model: text(answer.model),
    maxTokens: positive(answer.max_tokens),
    refusal,
    remember: readRemember(answer.remember),
    unreachable: answer.unreachable === 'allow' || answer.unreachable === 'block' ? answer.unreachable : null,
    unreachableRefusal: readRefusal(answer.unreachable_refusal),
  }
}

function readRefusal(value: unknown): Refusal | null {
  const refusal = record(value)
  const [status, type, message] = [positive(refusal?.status), text(refusal?.type), text(refusal?.message)]
  if (status === null || status < 400 || status > 599 || type === null || message === null) return null
  const after = refusal?.retry_after
  const retryAfter = typeof after === 'number' && after >= 0 && after < Infinity ? Math.ceil(after) : null
  return { status, type, message, retryAfter }
}

/** What cannot be understood in full is not remembered: a refusal that holds for too many calls is worse than a question. */
function readRemember(value: unknown): Remember | null {
  const remember = record(value)
  if (remember === null) return null
  const { seconds, when = [], model = null, scope, subject } = remember
  if (typeof seconds !== 'number' || !(seconds > 0)) return null
  if (!Array.isArray(when) || when.length > MOST_MARKS || !when.every((mark) => typeof mark === 'string')) return null
  if (model !== null && typeof model !== 'string') return null
  const told = typeof scope === 'string' && typeof subject === 'string'
  return { seconds, when: when.toSorted(), model, subject: told ? `${scope}=${subject}` : null }
}

/** A plain object, or null. */
export function record(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}

/** A value as an error message shows it: short. */
export function shown(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.slice(0, 60))
    : typeof value === 'object'
      ? 'an object'
      : String(value)
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function positive(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null
}
