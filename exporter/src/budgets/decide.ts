import type { Ask, Charge, Decision, MeterReading, Reason } from './ask.ts'
import { AUTO } from '../policy/policy.ts'
import type { CompiledBudgets } from './compiled.ts'
import type { ModelFacts, Models } from './models.ts'
import { type Fit, type Fitting, fit, inputBound, roomIn } from './room.ts'

/** All that a decision is made from, as it stands at the moment. */
export interface DecideWorld {
  readonly budgets: CompiledBudgets
  readonly models: Models
  readonly usual: { output(model: string): number; countRatio(model: string): number }
  /** Each budget that the call counts against, nearest to the caller first. */
  readonly readings: readonly MeterReading[]
  /** Null for a call without an agent or one that was never paused. */
  readonly agentPaused: boolean
  /** Null for a call without a session. */
  readonly session: {
    /** Let through, and on their way. */
    readonly calls: number
    /** How long until so many tokens fit into its minute, milliseconds. */
    waitFor(tokens: number, limit: number): number
  } | null
}

/**
 * Decides about one call: pure, without a clock of its own. What is spent and held is judged as handed in; whoever acts on the
 * charges must see to it that nobody else did in between (`tryHold`).
 */
export function decide(ask: Ask, world: DecideWorld): Decision {
  const steps: string[] = []
  const { readings } = world
  const routed = route(ask, world, steps)
  const common = { readings, steps, model: routed, fallbacks: true, maxTokens: null, charges: [], retryAfterMs: null }
  const blocked = (reason: Reason, because: MeterReading | null, retryAfterMs: number | null = null): Decision => {
    steps.push(`refused: ${reason}`)
    return { ...common, ...NOTHING, action: 'block', reason, because, retryAfterMs }
  }
  if (world.agentPaused) return blocked('agent_paused', null)
  const rate = overRate(ask, world, routed)
  if (rate !== null) return blocked(rate.reason, null, rate.retryAfterMs)

  const asking = readings.find(wantsCheaper)
  const chosen = choose(ask, world, { routed, near: asking !== undefined, steps })
  if (chosen === 'undegradable') return blocked('undegradable', asking ?? null)
  let { outcome, model } = attempt(ask, world, chosen.model)
  let because = chosen.degraded ? (asking ?? null) : null
  if (outcome === 'refused' && !chosen.degraded) {
    // Who has a cheaper model to go to is not refused before that one is too dear.
    const cheaper = readings.some(({ meter }) => meter.budget.degradeAt !== null) ? fitting(ask, world, routed) : null
    const second = cheaper === null ? null : attempt(ask, world, cheaper)
    if (second !== null && second.outcome !== 'refused') {
      because = tightest(readings)
      ;({ outcome, model } = second)
    }
  }
  if (outcome === 'count') {
    steps.push('the input must be counted')
    return { ...common, ...NOTHING, action: 'count', reason: 'ok', because: null }
  }
  if (outcome === 'refused') {
    const reading = tightest(readings)
    return blocked(reading === null ? 'unpriced' : reasonOf(reading), reading)
  }
  if (outcome === 'unpriced') return blocked('unpriced', null)
  const { fallbacks, holds, ...found } = outcome
  steps.push(
    holds === 'all'
      ? `holds ${found.amount} nano-dollars for ${found.input} input and ${found.output} output tokens`
      : `holds nothing: ${model.name} ${holds === 'free' ? 'is free' : 'has no known price'}`,
  )
  return {
    ...common,
    action: because === null ? 'allow' : 'degrade',
    reason:
      because !== null
        ? reasonOf(because)
        : reasonOfAllowed({ routed, asked: ask.model, free: holds === 'free', readings }),
    model: model.name,
    fallbacks,
    maxTokens: found.maxTokens,
    charges: holds === 'all' ? chargesOf(readings, found) : [],
    tokens: rateTokens(ask, world, model),
    expected: { input: found.input, output: found.output },
    because,
  }
}

const NOTHING = { tokens: 0, expected: { input: 0, output: 0 } } as const

/** `auto` is no model: the class of the question says which one answers. */
function route({ model, who }: Ask, { budgets }: DecideWorld, steps: string[]): string {
  const { routes } = budgets.policy
  if (model !== AUTO || routes === null) return model
  const found = (who.queryType === null ? undefined : routes.byQueryType[who.queryType]) ?? routes.otherwise
  steps.push(`auto: ${who.queryType ?? 'no query type'} goes to ${found.model}`)
  return found.model
}

function overRate(ask: Ask, world: DecideWorld, model: string): { reason: Reason; retryAfterMs: number | null } | null {
  const { calls, tokensPerMinute } = world.budgets.policy.budgets.session
  const { session } = world
  if (session === null) return null
  if (calls !== null && session.calls >= calls) return { reason: 'session_calls', retryAfterMs: null }
  if (tokensPerMinute === null) return null
  const wait = session.waitFor(rateTokens(ask, world, world.models.of(model)), tokensPerMinute)
  return wait > 0 ? { reason: 'session_rate', retryAfterMs: wait } : null
}

const BYTES_A_TOKEN = 4

/** Tokens that a call will probably use of its session's minute: corrected at its end. */
function rateTokens({ input, maxTokens, answers }: Ask, { usual }: DecideWorld, model: ModelFacts): number {
  const read = input.tokens ?? Math.ceil(input.bytes / BYTES_A_TOKEN)
  if (!model.writes) return read
  return read + answers * Math.min(maxTokens ?? Number.POSITIVE_INFINITY, usual.output(model.own))
}

function wantsCheaper({ meter, spent, held }: MeterReading): boolean {
  return meter.budget.degradeAt !== null && spent + held >= meter.budget.degradeAt
}

interface Choosing {
  readonly routed: string
  /** Some budget is past its threshold for cheaper models. */
  readonly near: boolean
  readonly steps: string[]
}

function choose(ask: Ask, world: DecideWorld, { routed, near, steps }: Choosing) {
  if (!near || world.models.of(routed).free) return { model: routed, degraded: false }
  if (world.models.cheaperThan(routed) === null) {
    steps.push(`no cheaper model is named for ${routed}`)
    return { model: routed, degraded: false }
  }
  const cheaper = fitting(ask, world, routed)
  if (cheaper !== null) return { model: cheaper, degraded: true }
  steps.push(`the cheaper model cannot do what the call needs`)
  const { undegradable } = world.budgets.policy.budgets
  return undegradable === 'block' ? 'undegradable' : { model: routed, degraded: false }
}

/** The cheaper model, if it can do what the call needs: the same kind of answer, room for the input, tools and pictures. */
function fitting(ask: Ask, { models, usual }: DecideWorld, from: string): string | null {
  const name = models.cheaperThan(from)
  if (name === null) return null
  const [own, its] = [models.of(from), models.of(name)]
  if (own.mode !== null && its.mode !== null && own.mode !== its.mode) return null
  if (ask.needs.some((need) => its[need] === false)) return null
  const input = inputBound(ask, its, usual.countRatio(its.own))
  const likely = input.counted ? input.tokens : Math.ceil(input.tokens / BYTES_A_TOKEN)
  return its.contextWindow !== null && likely > its.contextWindow ? null : name
}

interface Held extends Fit {
  readonly fallbacks: boolean
  /** Nothing is held for what costs nothing, or nobody knows what. */
  readonly holds: 'all' | 'free' | 'unpriced'
}

/** Whether and how a model can answer within the room that there is: with its fallbacks, else without them. */
function attempt(ask: Ask, world: DecideWorld, name: string) {
  const model = world.models.of(name)
  const others = model.fallbacks.map(world.models.of)
  const room = roomIn(world.readings)
  const { budgets } = world.budgets.policy
  const fitted = (models: readonly ModelFacts[]): Fitting =>
    fit({
      ask,
      models,
      room,
      usual: world.usual.output(model.own),
      least: budgets.minOutputTokens,
      input: widest(ask, models, world),
    })
  const held = (found: Fit, fallbacks: boolean): Held => ({ ...found, fallbacks, holds: 'all' })
  const outcome = ((): Held | 'count' | 'refused' | 'unpriced' => {
    const nothing = { amount: 0n, input: 0, output: 0, maxTokens: null }
    const payable = others.filter((other) => !other.free)
    if (model.free) {
      if (payable.length === 0) return { ...nothing, fallbacks: true, holds: 'free' }
      const paid = fitted(payable)
      // It stays within reach over budget; who would answer in its place and cost money does not.
      return typeof paid === 'string' || paid.maxTokens !== null
        ? { ...nothing, fallbacks: false, holds: 'free' }
        : held(paid, true)
    }
    if (!model.priced) {
      if (budgets.unpriced === 'block') return 'unpriced'
      return room.free !== null && room.free <= 0n ? 'refused' : { ...nothing, fallbacks: true, holds: 'unpriced' }
    }
    const whole = fitted([model, ...payable])
    if (payable.length === 0 || whole === 'count') return typeof whole === 'string' ? whole : held(whole, true)
    if (typeof whole !== 'string' && whole.maxTokens === null) return held(whole, true)
    const alone = fitted([model])
    return typeof alone === 'string' ? alone : held(alone, false)
  })()
  return { outcome, model }
}

/** The largest bound of the input over all who may answer. */
function widest(ask: Ask, models: readonly ModelFacts[], { usual }: DecideWorld) {
  const bounds = models.map((model) => inputBound(ask, model, usual.countRatio(model.own)))
  return bounds.reduce((most, bound) => (bound.tokens > most.tokens ? bound : most))
}

/** One charge for each meter; of two budgets over one period the stricter line counts. */
function chargesOf(readings: readonly MeterReading[], { amount }: Fit): Charge[] {
  const byKey = new Map<string, Charge>()
  for (const { meter, spent } of readings) {
    const { line, degradeAt } = meter.budget
    if (line === null && degradeAt === null) continue
    const known = byKey.get(meter.key)
    if (known && (line === null || (known.line !== null && known.line <= line))) continue
    byKey.set(meter.key, { key: meter.key, amount, line, spent })
  }
  return [...byKey.values()]
}

/** Of the budgets that stop calls, the one with the least left. */
function tightest(readings: readonly MeterReading[]): MeterReading | null {
  let found: MeterReading | null = null
  let least = 0n
  for (const reading of readings) {
    const { line } = reading.meter.budget
    if (line === null) continue
    const left = line - reading.spent - reading.held
    if (found === null || left < least) [found, least] = [reading, left]
  }
  return found
}

function reasonOf({ meter }: MeterReading): Reason {
  return meter.budget.scope
}

interface Allowed {
  readonly routed: string
  readonly asked: string
  readonly free: boolean
  readonly readings: readonly MeterReading[]
}

function reasonOfAllowed({ routed, asked, free, readings }: Allowed): Reason {
  if (routed !== asked) return 'route'
  if (free) return 'free'
  return readings.some(({ meter }) => meter.budget.line !== null) ? 'ok' : 'unlimited'
}
