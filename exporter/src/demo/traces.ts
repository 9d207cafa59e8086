import {
  type Call,
  type LangfuseProject,
  type Litellm,
  type LangfuseModelPrice,
  MODELS,
  type MixtureOptions,
  mixture,
  type Traffic,
  wayOf,
} from '@marginwatch/sandbox'
import type { Calendar } from '../calendar.ts'

/** What goes wrong between the two: shares of the calls. */
const FAULTS = {
  gatewayOnly: 0.004,
  langfuseOnly: 0.001,
  edited: 0.002,
  late: 0.01,
  lateMs: [60_000, 240_000],
} as const satisfies Partial<MixtureOptions>

/** By which Langfuse prices calls that no gateway priced. */
export const MODEL_PRICES: readonly LangfuseModelPrice[] = MODELS.flatMap(({ name, prices }) => {
  if (prices === null) return []
  const modelName = name.slice(name.indexOf('/') + 1)
  const { input, cacheRead, output, reasoning } = prices
  const perToken = { input, input_cached_tokens: cacheRead, output, output_reasoning_tokens: reasoning }
  const dollars = Object.entries(perToken).map(([kind, nano]) => [kind, nano / 1e9])
  return [{ id: `model-${modelName}`, modelName, prices: Object.fromEntries(dollars) as Record<string, number> }]
})

/** Whether the gateway hears of a call: a few are made without it. */
export function passesGateway(call: Call): boolean {
  return wayOf(call, FAULTS) !== 'langfuse'
}

/** The gateway with Langfuse beside it. */
export function besideLangfuse(
  gateway: Pick<Litellm, 'add' | 'begin'>,
  langfuse: Pick<LangfuseProject, 'put' | 'repeat' | 'edit' | 'score'>,
): Pick<Litellm, 'add' | 'begin'> {
  const mixed = mixture({ gateway, langfuse, ...FAULTS })
  return { add: mixed.add, begin: mixed.begin ?? gateway.begin }
}

const HOUR = 3_600_000
/** Comparing goes back over so many whole days. */
const COMPARED_DAYS = 7

/** From when on the traces of the history are there: those of yesterday and today, or all since the last run. */
export function tracesFrom(calendar: Calendar, known: number | null, now: number): number {
  const today = calendar.day(now)
  if (known === null) return calendar.dayStart(today - 1)
  return Math.max(known, calendar.dayStart(today - COMPARED_DAYS))
}

/** How far back the first start reads Langfuse: as far as there is something. */
export function traceBackfill(calendar: Calendar, now: number): number {
  return now - tracesFrom(calendar, null, now)
}

/** A stretch of history: epoch milliseconds, `to` not in it. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** Those that an earlier run had not told of all when it ended, and the new one. */
export function stretches(unread: string | null, added: Stretch): readonly Stretch[] {
  const left = unread === null ? [] : (JSON.parse(unread) as Stretch[])
  return [...left, added].filter(({ from, to }) => from < to)
}

/** Traces of the history, made when somebody looks for them. */
export interface PastTraces {
  /** From now on what is looked for in one of these stretches is made of these calls. */
  of(traffic: Pick<Traffic, 'calls'>, density: number, history: readonly Stretch[]): void
  /** Makes what began in [from, to) and was not made yet; nothing when all is looked for. */
  past(from: number, to: number): void
  /** Lets go of what was read; returns whether all that lies behind was. */
  tidy(): boolean
}

/** What belongs to a call may begin this long before it: tries that failed. */
const LEAD_MS = 60_000
/** Longer than a row is read again and again. */
const KEPT_MS = HOUR

/** They take much memory: once those after them are looked for, they are gone. */
export function pastTraces(
  langfuse: () => Pick<LangfuseProject, 'put' | 'repeat' | 'edit' | 'score' | 'forget'>,
  now: () => number,
): PastTraces {
  let calls: (from: number, to: number) => Iterable<Call> = () => []
  let history: readonly Stretch[] = []
  let caughtUp = false
  const made = new Set<string>()
  const make = (stretch: Stretch, from: number, to: number) => {
    const last = Math.min(to + LEAD_MS, stretch.to)
    for (let hour = Math.floor(Math.max(from, stretch.from) / HOUR) * HOUR; hour < last; hour += HOUR) {
      const name = `${stretch.from} ${hour}`
      if (made.has(name)) continue
      made.add(name)
      // What lies before has been read: it is asked for in the order of time.
      langfuse().forget(from - KEPT_MS)
      const there = mixture({ gateway: { add: () => undefined }, langfuse: langfuse(), ...FAULTS })
      there.add(calls(Math.max(hour, stretch.from), Math.min(hour + HOUR, stretch.to)))
    }
  }
  return {
    of(traffic, density, stretches) {
      calls = (a, b) => traffic.calls(a, b, { density })
      history = stretches
    },
    past(from, to) {
      if (!Number.isFinite(from) || !Number.isFinite(to)) return
      // Who looks beyond the present has read what lies behind.
      caughtUp ||= to > now() + HOUR / 2
      for (const stretch of history) make(stretch, from, to)
    },
    tidy() {
      if (caughtUp) langfuse().forget(now() - KEPT_MS)
      return caughtUp
    },
  }
}
