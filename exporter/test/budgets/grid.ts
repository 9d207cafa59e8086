import { LADDER, policyOf } from './support.ts'
import { simulate, type Simulated, type SimulatedCall } from './simulation.ts'

/** One setting of callers, calls and a limit. */
export interface Setting {
  readonly limitUsd: number
  readonly kind: Kind
  readonly callers: number
  /** An event comes up to so long after its call's end. */
  readonly settlesWithinMs: number
  /** So many of the calls bound their answers themselves. */
  readonly bounded: number
  /** Near the limit a cheaper model takes the place of the one asked for. */
  readonly degrades: boolean
  /** Nothing is known yet of how long the model's answers are. */
  readonly fresh: boolean
}

/** What callers ask for: a model, and how large questions and answers usually are. */
export interface Kind {
  readonly name: string
  readonly model: string
  readonly input: number
  readonly output: number
}

export const KINDS: readonly Kind[] = [
  { name: 'cheap', model: 'gpt-4o-mini', input: 600, output: 250 },
  { name: 'usual', model: 'gpt-4o', input: 1_500, output: 400 },
  { name: 'dear', model: 'gpt-4', input: 5_000, output: 1_500 },
]
export const LIMITS = [0.5, 8, 35] as const
export const CALLERS = [1, 8, 20] as const
export const SETTLES = [100, 60_000] as const

/** All settings. */
export function grid(): Setting[] {
  return LIMITS.flatMap((limitUsd) =>
    KINDS.flatMap((kind) =>
      CALLERS.flatMap((callers) =>
        SETTLES.flatMap((settlesWithinMs) =>
          [0, 0.5].flatMap((bounded) =>
            [false, true].flatMap((degrades) =>
              [false, true].map((fresh) => ({ limitUsd, kind, callers, settlesWithinMs, bounded, degrades, fresh })),
            ),
          ),
        ),
      ),
    ),
  )
}

/** Half of all answers are about as long as usual, one in fifty is ten times as long. */
function callsOf({ kind, settlesWithinMs, bounded }: Setting, random: () => number): () => SimulatedCall {
  const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return () => {
    const inputTokens = Math.max(10, Math.round(kind.input * Math.exp(0.4 * gauss())))
    const usual = Math.max(1, Math.round(kind.output * Math.exp(0.4 * gauss())))
    const output = random() < 0.02 ? usual * 10 : usual
    return {
      model: kind.model,
      bytes: inputTokens * 4,
      inputTokens,
      output,
      maxTokens: random() < bounded ? kind.output * 4 : null,
      durationMs: 300 + output * 10,
      settlesAfterMs: settlesWithinMs * random(),
    }
  }
}

const RUN_MS = 15 * 60_000

/** Plays a setting until a quarter of an hour is over, at a limit that is soon reached; the same seed plays the same. */
export function play(setting: Setting, seed: number): Promise<Simulated> {
  const limit = BigInt(Math.round(setting.limitUsd * 1e9))
  const random = mulberry(seed)
  const call = callsOf(setting, random)
  return simulate({
    policy: policyOf(
      limit,
      { customer: LADDER },
      { degrade: setting.degrades ? [{ from: 'gpt-4*', to: 'gpt-4o-mini' }] : [] },
    ),
    limit,
    callers: setting.callers,
    call,
    random,
    forMs: RUN_MS,
    // What is spent before is so much that the rest is spent within the time, by as many callers.
    spentBefore: limit - leftOf(setting, limit),
    known: setting.fresh ? 0 : 500,
  })
}

/** So much that some forty calls a caller bring the customer to its limit, at most all of it. */
function leftOf({ kind, callers }: Setting, limit: bigint): bigint {
  const a = kind.model === 'gpt-4' ? [30_000n, 60_000n] : kind.model === 'gpt-4o' ? [2_500n, 10_000n] : [150n, 600n]
  const usual = BigInt(kind.input) * (a[0] as bigint) + BigInt(kind.output) * (a[1] as bigint)
  const left = usual * BigInt(callers) * 40n
  return left > limit ? limit : left
}

/** Numbers from 0 to 1 that only look as if nobody knew them. */
export function mulberry(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
