import type { Call } from '../call.ts'
import { type Asker, createAsker } from '../decisions/asker.ts'
import type { Unreachable } from '../decisions/wire.ts'
import { inputTokens } from '../tokens.ts'
import { decidedCall } from './decided.ts'
import { questionOf, reachesHook } from './question.ts'

export interface DecideOptions {
  /** Of `/v1/decisions`. */
  readonly url: string
  readonly key: string | null
  /** How long an answer is waited for. Default 250 ms. */
  readonly deadlineMs?: number
  /** What becomes of calls without an answer until one has said so. Default `allow`. */
  readonly unreachable?: Unreachable
}

const DECIDE_DEFAULTS = { deadlineMs: 250, unreachable: 'allow', sockets: 100 } as const

/** Null where nobody is asked. */
export function openAsker(decide: DecideOptions | undefined, now: () => number): Asker | null {
  return decide ? createAsker({ ...DECIDE_DEFAULTS, ...decide, now }) : null
}

/** How a call goes after what was decided on it; null for one that the traffic says our hook refuses. */
export async function decidedOn(call: Call, asker: Asker): Promise<Call | null> {
  if (call.outcome === 'blocked') return null
  if (!reachesHook(call)) return call
  return decidedCall(call, await asker.ask(questionOf(call), () => inputTokens(call.tokens)))
}
