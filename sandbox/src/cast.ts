import { HAIKU, type Model, nanoCost, SONNET } from './models.ts'
import { NO_TOKENS } from './tokens.ts'

export interface Size {
  readonly model: Model
  readonly input: number
  readonly output: number
}

/** Of a rush, and of those who are at rest. */
const USUAL: Size = { model: SONNET, input: 2_000, output: 250 }
/** Hardly more is held for one than it costs: what waits for its end takes nobody over a threshold. */
const BRIEF: Size = { model: SONNET, input: 400, output: 250 }
const SMALL: Size = { model: SONNET, input: 300, output: 60 }
const SMALLEST: Size = { model: HAIKU, input: 300, output: 60 }
/** Asked where no more is answered: small enough to spend the last hundredth of a limit. */
const LESS: Size = { model: HAIKU, input: 300, output: 250 }
/** Answers so long that a session comes to its cap before it comes to its tokens a minute. */
const LONG: Size = { model: SONNET, input: 400, output: 1_000 }

/** Calls of a size, one after so many milliseconds, whether those before have ended or not. */
interface Rush {
  readonly size: Size
  readonly calls: number
  readonly everyMs: number
  /** What is asked once such a call was refused: something smaller, until not even that is answered. */
  readonly instead: Size
  /** How many calls are one conversation. */
  readonly conversation: number
  /** Refusals in a row of what is asked instead, after which nobody tries on. */
  readonly patience: number
}

export interface Role {
  readonly customer: string
  readonly agent: string | null
  readonly operation: string
  readonly rush: Rush
  /** What ends the rush before its last call: a cheaper model's answer, or refusals one after the other. */
  readonly until: 'degrade' | 'block' | null
  /** Single calls for ever; null = after a while it begins anew, as another conversation. */
  readonly rest: { readonly size: Size; readonly everyMs: number } | null
}

const RUSH = { size: USUAL, everyMs: 1_300, instead: LESS, conversation: 8, patience: 3 } as const

/** Who shows what. All are customers and agents of the company, and have calls in its ordinary traffic too. */
export const CAST = {
  /** Passes a threshold that somebody is told of. */
  warned: {
    customer: 'lantern-cafe',
    agent: null,
    operation: 'support_chat',
    rush: { ...RUSH, size: BRIEF, everyMs: 1_600, calls: 30 },
    until: null,
    rest: { size: SMALLEST, everyMs: 30_000 },
  },
  /** Passes the threshold from which on a cheaper model answers. */
  degraded: {
    customer: 'copperpot-catering',
    agent: null,
    operation: 'support_chat',
    rush: { ...RUSH, calls: 40 },
    until: 'degrade',
    rest: { size: SMALL, everyMs: 30_000 },
  },
  /** Heavy for its tier: uses its limit up, and tries again from time to time. */
  blocked: {
    customer: 'otterbrook-spa',
    agent: null,
    operation: 'help_widget',
    rush: { ...RUSH, calls: 90 },
    until: 'block',
    rest: { size: SMALLEST, everyMs: 20_000 },
  },
  /** An agent whose own budget is used up, on behalf of a customer that has much left. */
  paused: {
    customer: 'highmoor-university',
    agent: 'research-scout',
    operation: 'deep_research',
    rush: { ...RUSH, calls: 90 },
    until: 'block',
    rest: { size: SMALLEST, everyMs: 20_000 },
  },
  /** An agent in a loop: one conversation that costs more than any may. */
  runaway: {
    customer: 'ionia-robotics',
    agent: 'code-reviewer',
    operation: 'merge_request_review',
    // It tries until the last of its long answers is paid for.
    rush: { size: LONG, everyMs: 1_800, instead: LESS, conversation: 1_000, patience: 10, calls: 400 },
    until: 'block',
    rest: null,
  },
} as const satisfies Readonly<Record<string, Role>>

/** What one call of a rush costs as long as nobody changes it, nano-dollars. */
export function rushCost({ rush: { size } }: Pick<Role, 'rush'>): bigint {
  return BigInt(nanoCost(size.model, { ...NO_TOKENS, input: size.input, output: size.output }) ?? 0)
}
