import type { Nano, Tokens } from '../../usage.ts'
import type { Stamp } from './stamp.ts'

/**
 * One call as LiteLLM reports it, the same whether a pushed record or a spend-log row said so. Only these fields are ever
 * read of either; nothing of prompts and answers is among them.
 */
export interface Call {
  /** LiteLLM's id of the call. A retry or fallback repeats it, and a client can choose it. */
  readonly callId: string | null
  /** The provider's id of the answer. */
  readonly responseId: string | null
  /** What our own gateway hook put on the call. */
  readonly stamp: Stamp
  readonly success: boolean
  /** Epoch milliseconds. */
  readonly start: number
  readonly end: number | null
  readonly firstToken: number | null
  readonly stream: boolean
  readonly cacheHit: boolean
  /** chat, embedding, … */
  readonly callType: string | null
  /** Without the provider's prefix. */
  readonly model: string | null
  readonly provider: string | null
  readonly serviceTier: string | null
  readonly contextWindow: number | null
  /** What the gateway says the call cost; null when it says nothing. */
  readonly cost: Nano | null
  /** What the gateway says a cache hit would have cost. */
  readonly saved: Nano | null
  /** Null when the answer carried no usage. */
  readonly tokens: Tokens | null
  /** Characters of prompt and answer where they could be counted, for a call without usage. */
  readonly characters: { readonly input: number; readonly output: number } | null
  readonly error: CallError | null
  /** Public names of the models, when the gateway handed the call on to another one. */
  readonly fallback: { readonly from: string; readonly to: string } | null
  readonly finishReason: string | null
  readonly temperature: number | null
  readonly dimensions: number | null
  readonly toolsCalled: readonly string[]
  readonly promptName: string | null
  readonly promptVersion: string | null
  readonly keyAlias: string | null
  /** The field `session` holds what the client named, and nothing that LiteLLM made up. */
  readonly sessionNamed: boolean
  readonly fields: Readonly<Record<string, unknown>>
  readonly tags: readonly unknown[]
  readonly metadata: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, unknown>>
}

export interface CallError {
  readonly class: string | null
  readonly code: string | null
  /** Set when the error came from a provider or from reaching one. */
  readonly provider: string | null
  /** Redacted. */
  readonly message: string | null
  /** LiteLLM's own grouping, such as `429_BUDGET_EXCEEDED`; absent in older versions. */
  readonly normalized: string | null
  /** `litellm_rate_limit` for a limit of the gateway's own, `vendor_rate_limit` for the provider's. */
  readonly limit: string | null
}
