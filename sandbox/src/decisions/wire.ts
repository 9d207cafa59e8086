/** The words of `POST /v1/decisions`, version 1. No imports. */

/** Asked once for each call before it leaves. */
export interface Question {
  readonly version: 1
  /** The uuid that the gateway stamps on the call. */
  readonly call_id: string
  /** Public name, as the client asked. */
  readonly model: string
  readonly call_type?: string
  readonly stream?: boolean
  /** The client's bound of an answer; absent = none. */
  readonly max_tokens?: number
  readonly n?: number
  readonly input: QuestionInput
  readonly needs?: readonly string[]
  readonly language?: string
  /** The fields of a slim record that say whose call it is. */
  readonly record: Readonly<Record<string, unknown>>
}

export interface QuestionInput {
  /** UTF-8 bytes of all text that goes to the model. */
  readonly bytes: number
  /** Counted; absent until it was asked for. */
  readonly tokens?: number
  readonly images: number
  readonly opaque: number
  /** Whether it may be written to the provider's cache. */
  readonly cache_writes: boolean
}

export const ANSWERS = ['allow', 'degrade', 'block', 'count'] as const

export interface Answer {
  readonly version: 1
  readonly action: (typeof ANSWERS)[number]
  readonly reason: string
  /** What the call is to be sent on as; absent = as it was asked. */
  readonly model?: string
  /** What the answer is to be bounded to; absent = as the client said. */
  readonly max_tokens?: number
  readonly fallbacks?: 'keep' | 'off'
  readonly client_fallbacks?: 'remove' | 'keep'
  /** What becomes of calls that no decision can be had for. */
  readonly unreachable?: Unreachable
  readonly unreachable_refusal?: Refusal
  readonly refusal?: Refusal
  readonly remember?: Remember
}

export type Unreachable = 'allow' | 'block'

/** What a refused caller reads. */
export interface Refusal {
  readonly status: number
  readonly type: string
  readonly message: string
  /** Seconds. */
  readonly retry_after?: number
}

/** For so long an answer holds for calls whose marks include all of `when`. */
export interface Remember {
  readonly seconds: number
  readonly when: readonly string[]
  /** Only for calls of this model; absent = of any. */
  readonly model?: string
}

/** The answer of version 1 in a body; null when it is none. */
export function readAnswer(body: string): Answer | null {
  try {
    const given = JSON.parse(body) as Partial<Answer> | null
    if (given?.version !== 1 || !ANSWERS.some((action) => action === given.action)) return null
    return given.action === 'block' && !given.refusal ? null : (given as Answer)
  } catch {
    return null
  }
}
