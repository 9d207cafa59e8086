import { Rng } from '@marginwatch/sandbox'
import type { Basis, Status, Tokens, Usage } from '@marginwatch/exporter/usage'

/** Prepared events for the ledger, as many as are asked for, the same for the same seed. */
export interface Events {
  /** The next event that was not there before. */
  next(): Usage
  /** The next `count` reports; every tenth or so repeats an earlier one, most of them a recent one. */
  reports(count: number): Usage[]
}

export interface EventsOptions {
  readonly seed: number
  /** Start of the first and the last event, epoch milliseconds; starts rise evenly over `count` events. */
  readonly from: number
  readonly to: number
  readonly count: number
  readonly customers?: number
  readonly models?: number
}

export const CUSTOMERS = 1_000
const MODELS = 25
/** Combinations of the names that events share. */
const COMBINATIONS = 4_000
const AGENTS = 30
const TIERS = ['tier_1', 'tier_2', 'tier_3']
const PROVIDERS = ['openai', 'anthropic', 'google', 'azure', 'hosted_vllm']
const OPERATIONS = ['chat', 'search', 'summarise', 'extract', 'classify', 'translate', 'report', 'plan']
const CALLS_A_SESSION = 20
const CALLS_A_TRACE = 5
const REPEATED = 0.1
/** Of the repeated ones, how many repeat a recent event, and how far back that reaches. */
const RECENT = 0.8
const RECENTLY = 4_096
/** Every so many events one is kept to be repeated long after. */
const KEPT_EVERY = 16

/**
 * Shares are those of `sandbox` and of real traffic: customers and combinations of names are Zipf-like, a session has some
 * twenty calls and a trace some five, two of a hundred calls fail.
 */
export function createEvents(options: EventsOptions): Events {
  const rng = new Rng()
  rng.reseed(options.seed, 1, 1)
  const step = (options.to - options.from) / options.count
  const tracks = createTracks(rng, options.customers ?? CUSTOMERS)
  const namesOfTiers = TIERS.map((tier) => combinations(rng, tier, options.models ?? MODELS))
  const recent: Usage[] = []
  const kept: Usage[] = []
  let made = 0

  const next = (): Usage => {
    const track = tracks.pick()
    const list = namesOfTiers[track.tier] ?? []
    const event = usageOf(rng, track, {
      names: list[skewed(rng, list.length)] as Names,
      id: uuid(rng),
      start: Math.round(options.from + made * step),
    })
    recent[made % RECENTLY] = event
    if (made % KEPT_EVERY === 0) kept.push(event)
    made++
    return event
  }
  const again = (): Usage => {
    const list = rng.chance(RECENT) ? recent : kept
    return list[rng.below(list.length)] as Usage
  }
  return {
    next,
    reports: (count) => Array.from({ length: count }, () => (made > 0 && rng.chance(REPEATED) ? again() : next())),
  }
}

/** What a customer is doing just now. */
interface Track {
  readonly customer: string
  readonly tier: number
  readonly user: string
  session: string
  trace: string
}

function createTracks(rng: Rng, customers: number): { pick(): Track } {
  const tracks = Array.from(
    { length: customers },
    (_, i): Track => ({
      customer: `customer-${i}`,
      tier: i % TIERS.length,
      user: `user-${i}`,
      session: sessionId(rng),
      trace: uuid(rng),
    }),
  )
  return {
    pick() {
      const track = tracks[skewed(rng, customers)] as Track
      if (rng.chance(1 / CALLS_A_SESSION)) track.session = sessionId(rng)
      if (rng.chance(1 / CALLS_A_TRACE)) track.trace = uuid(rng)
      return track
    },
  }
}

/** A place in a list, the first ones far more often than the last ones. */
function skewed(rng: Rng, length: number): number {
  return Math.floor(length * rng.unit() ** 2.5)
}

/** Names that events share. */
interface Names extends Fate {
  readonly tier: string
  readonly agent: string | null
  readonly operation: string
  readonly queryType: string | null
  readonly model: string
  readonly provider: string
  readonly environment: string
  readonly keyAlias: string
  readonly stream: boolean
}

/** The combinations of names that one tier's calls have. */
function combinations(rng: Rng, tier: string, models: number): Names[] {
  return Array.from({ length: Math.ceil(COMBINATIONS / TIERS.length) }, (): Names => {
    const model = rng.below(models)
    const environment = rng.chance(0.8) ? 'production' : 'staging'
    return {
      tier,
      agent: rng.chance(0.3) ? `agent-${rng.below(AGENTS)}` : null,
      operation: OPERATIONS[rng.below(OPERATIONS.length)] ?? '',
      queryType: rng.chance(0.5) ? `question-${rng.below(6)}` : null,
      model: `model-${model}`,
      provider: PROVIDERS[model % PROVIDERS.length] ?? '',
      environment,
      keyAlias: `app-${environment}`,
      stream: rng.chance(0.5),
      ...(FATES[rng.below(FATES.length)] as Fate),
    }
  })
}

interface Fate {
  readonly status: Status
  readonly basis: Basis
  readonly errorClass: string | null
  readonly finishReason: string | null
}

const ANSWERED: Fate = { status: 'success', basis: 'gateway', errorClass: null, finishReason: 'stop' }
const FATES: readonly Fate[] = [
  ...Array<Fate>(46).fill(ANSWERED),
  { ...ANSWERED, finishReason: 'length' },
  { ...ANSWERED, basis: 'priced', finishReason: 'tool_calls' },
  { ...ANSWERED, basis: 'unpriced' },
  { status: 'failed', basis: 'gateway', errorClass: 'RateLimitError', finishReason: null },
]

interface Moment {
  readonly names: Names
  readonly id: string
  readonly start: number
}

/** Field by field: objects that are put together from others each get a shape of their own, and real events have one. */
function usageOf(rng: Rng, track: Track, { names, id, start }: Moment): Usage {
  const answered = names.status === 'success'
  const input = 20 + Math.floor(8_000 * rng.unit() ** 2)
  const output = 1 + Math.floor(1_500 * rng.unit() ** 2)
  const durationMs = 300 + rng.below(20_000)
  const cost = answered ? BigInt(input * 2_500 + output * 10_000) : 0n
  return {
    kind: 'usage',
    version: 1,
    key: `litellm:${id}:chatcmpl-${id}`,
    source: 'litellm',
    start,
    customer: track.customer,
    tier: names.tier,
    user: track.user,
    session: track.session,
    agent: names.agent,
    trace: track.trace,
    operation: names.operation,
    callType: 'chat',
    queryType: names.queryType,
    modelAsked: names.model,
    model: names.model,
    provider: names.provider,
    environment: names.environment,
    project: null,
    keyAlias: names.keyAlias,
    promptName: null,
    promptVersion: null,
    tools: [],
    status: names.status,
    errorClass: names.errorClass,
    errorMessage: null,
    finishReason: names.finishReason,
    stream: names.stream,
    cacheHit: false,
    temperature: null,
    tokens: answered ? tokensOf(rng, input, output) : {},
    cost: names.basis === 'unpriced' ? null : cost,
    basis: names.basis,
    saved: null,
    durationMs,
    ttftMs: answered && names.stream ? Math.floor(durationMs / 4) : null,
    contextWindow: 128_000,
    bytes: null,
    dimensions: null,
    metadata: {},
  }
}

function tokensOf(rng: Rng, input: number, output: number): Tokens {
  if (!rng.chance(0.3)) return { input, output }
  const cached = Math.floor(input / 2)
  return { input: input - cached, cache_read: cached, output }
}

function sessionId(rng: Rng): string {
  return `sess-${hex(rng)}${hex(rng)}`
}

function uuid(rng: Rng): string {
  const [a, b, c, d] = [hex(rng), hex(rng), hex(rng), hex(rng)]
  const text = `${a}-${b.slice(0, 4)}-4${b.slice(5)}-8${c.slice(1, 4)}-${c.slice(4)}${d}`
  // In one piece, as it comes out of JSON: whoever hashes it would else pay for joining the pieces.
  return Buffer.from(text, 'latin1').toString('latin1')
}

function hex(rng: Rng): string {
  return rng.next().toString(16).padStart(8, '0')
}
