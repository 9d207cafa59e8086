import { record } from './read-price.ts'

/** What a model can do, as LiteLLM's map states it; null where nobody says. */
export interface ModelLimits {
  /** Tokens that one answer can have at most, hidden reasoning among them. */
  readonly maxOutput: number | null
  /** Tokens that the model can read. */
  readonly contextWindow: number | null
  /** chat, embedding, … */
  readonly mode: string | null
  /** It can call tools. */
  readonly tools: boolean | null
  /** It can read pictures. */
  readonly images: boolean | null
}

/**
 * The same window is stated as 1,000,000 here and as 2^20 there, 5 % apart; from 10 % less than the window on, `max_tokens`
 * is another number than the window.
 */
const OTHER_THAN_WINDOW = 0.9

/** The limits in an entry of LiteLLM's map; null for what is no entry. What is no plausible limit is as good as not stated. */
export function readLimits(value: unknown): ModelLimits | null {
  const entry = record(value)
  if (entry === null) return null
  return Object.freeze({
    maxOutput: readMaxOutput(entry),
    contextWindow: readWindow(entry),
    mode: typeof entry.mode === 'string' ? entry.mode : null,
    tools: readAbility(entry.supports_function_calling),
    images: readAbility(entry.supports_vision),
  })
}

/** Whether anything but the mode is known. */
export function statesLimits(limits: ModelLimits): boolean {
  return [limits.maxOutput, limits.contextWindow, limits.tools, limits.images].some((value) => value !== null)
}

/** Tokens that a model can read by its entry: LiteLLM's `max_tokens` stands in, which without an output limit is the input's. */
export function readWindow(entry: Record<string, unknown>): number | null {
  return count(entry.max_input_tokens) ?? count(entry.max_tokens)
}

/** LiteLLM's `max_tokens` means the answer where it is clearly less than what the model reads; elsewhere it means that. */
function readMaxOutput(entry: Record<string, unknown>): number | null {
  const stated = count(entry.max_output_tokens)
  const either = count(entry.max_tokens)
  const window = count(entry.max_input_tokens)
  if (stated !== null || either === null || window === null) return stated
  return either < window * OTHER_THAN_WINDOW ? either : null
}

function readAbility(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null
}
