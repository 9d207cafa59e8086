import type { Decided, Refusal } from './answer.ts'
import type { Remembered } from './memory.ts'
import type { Question } from './question.ts'

/** What is to be done with a call about to be made. */
export interface Verdict {
  readonly action: 'allow' | 'degrade' | 'block'
  /** The exporter's word: `ok`, `customer`, `session_rate`, …; `unreachable` where no decision could be had. */
  readonly reason: string
  /** The model that is to be called instead of the one asked for; null = that one. */
  readonly model: string | null
  /** Tokens that the answer must be bounded to; null = as it was. */
  readonly maxTokens: number | null
  /** Set when, and only when, the action is `block`. */
  readonly refusal: Refusal | null
  /** False where no decision could be had: the action is then the choice of failing open or closed. */
  readonly decided: boolean
  /** Seconds that passed since the exporter decided; null = it decided now, or not at all. */
  readonly age: number | null
}

const UNREACHABLE: Refusal = {
  status: 503,
  type: 'decision_unavailable',
  message: 'This request could not be checked just now. Please try again in a moment.',
  retryAfter: null,
}

/** A decision that was made for this call or, `age` seconds ago, for one like it. */
export function verdictOf(answer: Decided, question: Question, age: number | null = null): Verdict {
  const { action, reason, model, maxTokens, refusal } = answer
  const bound = maxTokens !== null && question.maxTokens !== null ? Math.min(maxTokens, question.maxTokens) : maxTokens
  return Object.freeze({
    action,
    reason,
    model,
    maxTokens: bound,
    refusal: refusal === null ? null : Object.freeze({ ...refusal, retryAfter: later(refusal.retryAfter, age) }),
    decided: true,
    age,
  })
}

/** The verdict of a remembered answer: what it said of the time until a next try has partly passed. */
export function rememberedVerdict({ answer, at }: Remembered, question: Question, now: number): Verdict {
  return verdictOf(answer, question, (now - at) / 1000)
}

/** The verdict where no decision can be had. */
export function undecided(open: boolean, refusal: Refusal | null): Verdict {
  return Object.freeze({
    action: open ? 'allow' : 'block',
    reason: 'unreachable',
    model: null,
    maxTokens: null,
    refusal: open ? null : Object.freeze(refusal ?? UNREACHABLE),
    decided: false,
    age: null,
  })
}

/** The word for a verdict on an answer: `undecided` for a call that nobody decided about. */
export function actionWord({ action, decided }: Verdict): 'allow' | 'degrade' | 'block' | 'undecided' {
  return action === 'allow' && !decided ? 'undecided' : action
}

function later(retryAfter: number | null, age: number | null): number | null {
  return retryAfter === null ? null : Math.max(1, Math.ceil(retryAfter - (age ?? 0)))
}
