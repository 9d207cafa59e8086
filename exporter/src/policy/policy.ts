/**
 * What the policy file says, checked, with every default filled in and units normalised: durations in milliseconds, money
 * in nano-dollars, times in epoch milliseconds. Only `readPolicy` makes one, deeply frozen; the rest of the program accepts
 * nothing else, so a policy that exists is valid.
 */
export interface Policy {
  /** IANA zone that cuts day, week (Monday) and month. */
  readonly timezone: string
  /** Plans by name, in the file's order. No prototype: a name from traffic such as `constructor` finds nothing. */
  readonly tiers: Readonly<Record<string, Tier>>
  /** Who pays for which plan, dated. Of two entries of one customer that hold at a time, the later one counts. */
  readonly customers: readonly CustomerEntry[]
  readonly roster: RosterPolicy
  /** API key alias → who owns the calls made with it. No prototype either. */
  readonly apiKeys: Readonly<Record<string, KeyOwner>>
  /** Where each attribute of a call is looked for, best first. */
  readonly attribution: Readonly<Record<Attribute, readonly FieldRef[]>>
  readonly prices: PricePolicy
  readonly sources: {
    readonly litellm: LitellmPolicy
    /** A unit for each, named at the start. */
    readonly langfuse: readonly LangfusePolicy[]
    /** The Docker engine whose containers are read; null = none. */
    readonly docker: DockerPolicy | null
  }
  /** What infrastructure costs. */
  readonly rates: { readonly containers: readonly ContainerRate[] }
  /** The LiteLLM whose configuration is generated from here; null when the file describes none. The program itself reads none of it. */
  readonly gateway: GatewayPolicy | null
  readonly budgets: BudgetPolicy
  /** Model pattern → the cheaper model that takes its place near a limit; the first pattern that fits counts, once. */
  readonly degrade: readonly DegradeRule[]
  /** Which model answers a call that asks for `auto`; null when the file names none. */
  readonly routes: RoutePolicy | null
  readonly margin: MarginPolicy
  readonly server: ServerPolicy
  readonly metrics: {
    /** How many customers get series of their own. */
    readonly customers: number
    /** After how long without a call a customer may lose its series to another. */
    readonly customerIdleMs: number
  }
  readonly ledger: {
    /** Age at which single events are folded into the baseline; null = never. */
    readonly retentionMs: number | null
    /** How far back a second report of an event is looked for in live traffic. */
    readonly dedupeWindowMs: number
  }
  readonly sessions: { readonly idleMs: number }
}

export interface Tier {
  /** Price a customer a month, in the order of their dates; at least one. `priceAt` finds the one that holds. */
  readonly prices: readonly DatedPrice[]
  /** Model spend that a customer may cause in the period of `budgets.customer`; null = no limit. */
  readonly budget: bigint | null
  /** Share of the revenue that is to be left, as the file says it; null = what `targetAt` makes of budget and price. */
  readonly target: BasisPoints | null
}

export interface DatedPrice {
  readonly price: bigint
  /** First moment at which it holds, until the next one does; null = always. */
  readonly from: number | null
}

export interface CustomerEntry {
  readonly id: string
  readonly tier: string
  /** First moment at which it holds: midnight of the date in the policy's zone; null = always. */
  readonly from: number | null
  /** First moment at which it no longer holds; null = until further notice. */
  readonly to: number | null
  /** What the customer pays a month instead of the plan's price; null = the plan's. */
  readonly price: bigint | null
  /** Until this moment it pays nothing; null = no trial. */
  readonly trialUntil: number | null
}

/** Where else is looked for customers, besides `customers`. */
export interface RosterPolicy {
  /** Absolute path of a CSV or YAML file with entries like those of `customers`; null = none. */
  readonly file: string | null
  /** Customers of LiteLLM whose budget, or whose key, names a tier. */
  readonly litellm: boolean
  /** Customers whose calls name a tier. */
  readonly traffic: boolean
}

export interface KeyOwner {
  readonly customer: string | null
  readonly tier: string | null
  readonly user: string | null
  readonly agent: string | null
  readonly environment: string | null
}

/** What is looked for in a call. */
export const ATTRIBUTES = [
  'customer',
  'tier',
  'user',
  'session',
  'agent',
  'trace',
  'operation',
  'query_type',
  'model_asked',
  'model_used',
  'environment',
  'project',
  'prompt_name',
  'prompt_version',
  'tools',
] as const
export type Attribute = (typeof ATTRIBUTES)[number]

/** A place in a call: a field of the record itself, a `name:value` tag, a metadata entry, or a request header. */
export interface FieldRef {
  readonly in: 'field' | 'tag' | 'metadata' | 'header'
  readonly name: string
}

export interface PricePolicy {
  /** `development` prices everything at zero. */
  readonly profile: 'production' | 'development'
  /** Laid over the price book and LiteLLM's map. */
  readonly overrides: readonly PriceOverride[]
}

/** Prices in nano-dollars per million tokens; a class without a price of its own takes the one that pricing's rules name. */
export interface PriceOverride {
  /** Model name, or a pattern with `*`. */
  readonly model: string
  readonly provider: string | null
  readonly from: number | null
  readonly to: number | null
  readonly perMillion: Readonly<Record<string, bigint>>
}

export interface LitellmPolicy {
  /** Records posted to `/v1/sources/litellm` are taken. */
  readonly push: boolean
  readonly poll: LitellmPoll | null
}

export interface LitellmPoll {
  readonly url: string
  readonly key: string
  readonly everyMs: number
  /** How long after a call's start its row may still appear; a window is read once it is older than this. */
  readonly lagMs: number
  /** How far back the first start reads. */
  readonly backfillMs: number
  /** How often its customers, keys and budgets are read. */
  readonly directoryMs: number
  readonly pageSize: number
  readonly timeoutMs: number
}

export interface DockerPolicy {
  /** `unix:///path` of a socket, or an address that starts with http:// or https://. */
  readonly url: string
  /** Only containers of this compose project; null = all that run. */
  readonly project: string | null
  readonly everyMs: number
  /** Length of the spans of metered infrastructure. */
  readonly recordMs: number
  readonly timeoutMs: number
}

/** What containers cost from a moment on, until another rate speaks of a later one. Null = nobody said: unknown, not nothing. */
export interface ContainerRate {
  /** Null = always. */
  readonly from: number | null
  /** An hour of one processor. */
  readonly cpu: bigint | null
  /** A GiB (2^30 bytes) of memory for an hour. */
  readonly memory: bigint | null
  /** A GiB sent or received. */
  readonly network: bigint | null
}

/** What the observations of a Langfuse project are read for. */
export const LANGFUSE_ROLES = ['reconcile', 'spend'] as const

export interface LangfusePolicy {
  readonly name: string
  readonly url: string
  readonly publicKey: string
  readonly secretKey: string
  /** `reconcile`: beside the events of the gateway. `spend`: calls that have no event there are spend too. */
  readonly role: (typeof LANGFUSE_ROLES)[number]
  readonly everyMs: number
  /** For so long after its start a row may still appear or change; meanwhile it is read again and again. */
  readonly windowMs: number
  /** How long after its end a call is waited for from the gateway before it is spend. */
  readonly settleMs: number
  /** How far back the first start reads. */
  readonly backfillMs: number
  /** How often what was read is held against Langfuse's own counts. */
  readonly metricsEveryMs: number
  readonly timeoutMs: number
  /** Calls that are moved to a cheaper model or refused are written onto their traces here. */
  readonly events: boolean
  /** ADMIN_API_KEY of a Langfuse of one's own, for the depth of its queues; null = they are not read. */
  readonly adminKey: string | null
}

/** Name of an environment variable of LiteLLM's process. Its value is never read here. */
export type Variable = string

export interface GatewayPolicy {
  /** By the public name that clients ask for, in the file's order; at least one. No prototype. */
  readonly models: Readonly<Record<string, GatewayModel>>
  /** Public name → the public names that are asked when it fails, in this order. All exist and none leads back. */
  readonly fallbacks: Readonly<Record<string, readonly string[]>>
  /** Tries after the first, before a fallback is asked. */
  readonly retries: number
  /** How long one try may take. */
  readonly timeoutMs: number
  /** Whether and where answers are kept for the same question. */
  readonly cache: (typeof GATEWAY_CACHES)[number]
  readonly cacheTtlMs: number
  /** Where the Redis of the cache is. */
  readonly redisUrl: Variable
  /** Traces by OTLP; null = none. */
  readonly langfuse: GatewayLangfuse | null
  /** Whether LiteLLM counts for Prometheus too. */
  readonly prometheus: boolean
  readonly masterKey: Variable
  readonly databaseUrl: Variable
}

export const GATEWAY_CACHES = ['off', 'memory', 'redis'] as const

/** What a model does, in LiteLLM's words. */
export const GATEWAY_MODES = [
  'chat',
  'completion',
  'responses',
  'embedding',
  'rerank',
  'moderation',
  'image_generation',
  'audio_transcription',
  'audio_speech',
] as const
export type GatewayMode = (typeof GATEWAY_MODES)[number]

export interface GatewayModel {
  /** `provider/name`, as LiteLLM writes it. */
  readonly model: string
  readonly mode: GatewayMode
  /** Null = where LiteLLM looks by itself: the provider's address and usual variable, as `OPENAI_API_KEY`. */
  readonly apiBase: string | null
  readonly apiKey: Variable | null
  /** Azure's. */
  readonly apiVersion: string | null
  /** Bedrock's, as `eu-central-1`. */
  readonly awsRegion: string | null
  /** Vertex AI's. */
  readonly vertexProject: string | null
  readonly vertexLocation: string | null
}

export interface GatewayLangfuse {
  readonly host: string
  readonly publicKey: Variable
  readonly secretKey: Variable
}

export interface ServerPolicy {
  readonly host: string
  readonly port: number
  /** Bearer keys by role; a role without a key is open on loopback and refused elsewhere. */
  readonly keys: {
    readonly reader: string | null
    readonly ingest: string | null
    /** For those who ask for decisions: gateways and guards. */
    readonly gateway: string | null
    readonly admin: string | null
  }
  readonly bodyLimitBytes: number
}

/** A share in hundredths of a percent: 9500 is 95 %. */
export type BasisPoints = number

/** What happens at a threshold, from mild to severe. `log` only records; the last three act on calls. */
export const THRESHOLD_ACTIONS = ['log', 'notify', 'degrade', 'block', 'pause'] as const
export type ThresholdAction = (typeof THRESHOLD_ACTIONS)[number]
export const SEVERITIES = ['info', 'warning', 'critical'] as const
export type Severity = (typeof SEVERITIES)[number]
export const BUDGET_PERIODS = ['day', 'week', 'month'] as const
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number]
export const SPEND_PERIODS = ['day', 'week', 'month', 'conversation', 'tenant-day'] as const
export type SpendPeriod = (typeof SPEND_PERIODS)[number]

export interface Threshold {
  readonly at: BasisPoints
  readonly do: ThresholdAction
  readonly severity: Severity
  /** Where a notice goes: names such as slack, email, pagerduty. */
  readonly channels: readonly string[]
}

/** Shares of a limit and what happens there, ascending. */
export interface Ladder {
  readonly period: BudgetPeriod
  readonly thresholds: readonly Threshold[]
  /** How far beyond its threshold block and pause act, as a share of the limit. */
  readonly grace: BasisPoints
  /** How much of the limit may come from what the period before left unused; 0 = nothing. */
  readonly carryOver: BasisPoints
}

export interface LimitedLadder extends Ladder {
  readonly limit: bigint
}

export interface BudgetPolicy {
  /** Each customer that has a tier with a budget, or a limit of its own in `customers`. */
  readonly customer: Ladder
  /** Limits of single customers, over their tier's. No prototype. */
  readonly customers: Readonly<Record<string, bigint>>
  /** A customer's day (tenant-day); null = none. Its period is always `day`. */
  readonly tenantDay: LimitedLadder | null
  /** Each agent; null = agents have no budget. */
  readonly agent: LimitedLadder | null
  /** Limits of single agents, over the common one. No prototype. */
  readonly agents: Readonly<Record<string, bigint>>
  readonly session: SessionBudget
  /** All customers of a tier together. No prototype. */
  readonly tiers: Readonly<Record<string, LimitedLadder>>
  /** Everything. */
  readonly global: readonly LimitedLadder[]
  /** All calls without a customer whose tier or limit is known, together; null = no limit. */
  readonly unknownCustomers: LimitedLadder | null
  /** Sums that are told of and stop nothing. */
  readonly spend: readonly SpendThreshold[]
  /** At most one notice in this time for a scope and threshold. */
  readonly cooldownMs: number
  /** What a gateway does with a call that it can get no decision for. */
  readonly onUnreachable: 'allow' | 'block'
  /** What becomes of a call to a model without a known price. */
  readonly unpriced: 'allow' | 'block'
  /** What becomes of a hold whose call was never heard of again. */
  readonly unsettled: 'charge' | 'release'
  /** What becomes of a call past its degrade threshold for which there is no fitting cheaper model. */
  readonly undegradable: 'allow' | 'block'
  /** How long a call may take to be heard of after the gateway has given up on it. */
  readonly holdAllowanceMs: number
  /** An answer is never cut shorter than this, in tokens; a call for which not even that is left is refused. */
  readonly minOutputTokens: number
  /** Whether the `fallbacks` that a client sends along are obeyed. */
  readonly clientFallbacks: boolean
  /** LiteLLM's own budgets, so much above ours; null = they are not written. */
  readonly backstop: { readonly above: BasisPoints; readonly everyMs: number } | null
  readonly messages: readonly MessageRule[]
}

/** Null = no such limit. */
export interface SessionBudget {
  readonly limit: bigint | null
  /** From here on a session counts as runaway. */
  readonly warn: bigint | null
  /** Uncached input and output within sixty seconds. */
  readonly tokensPerMinute: number | null
  readonly calls: number | null
}

export interface SpendThreshold {
  readonly name: string
  readonly usd: bigint
  readonly period: SpendPeriod
  readonly severity: Severity
  readonly channels: readonly string[]
  /** With the places {name}, {cost}, {threshold}, {period} and {subject}. */
  readonly message: string
}

/** What a refused caller reads. */
export const MESSAGE_REASONS = [
  'customer',
  'tenant_day',
  'agent',
  'agent_paused',
  'session',
  'session_calls',
  'session_rate',
  'tier',
  'global',
  'unknown_customers',
  'unpriced',
  'undegradable',
  'unreachable',
] as const
export type MessageReason = (typeof MESSAGE_REASONS)[number]

export interface MessageRule {
  /** Null = for every reason. */
  readonly for: MessageReason | null
  readonly tier: string | null
  /** Language tag such as `de`; null = any. */
  readonly language: string | null
  /** With the places {reset_date} and {tier}. */
  readonly text: string
}

export interface DegradeRule {
  /** Public model name or a pattern with `*`. */
  readonly from: string
  readonly to: string
}

/** By what the cost of infrastructure is divided among customers. */
export const ALLOCATIONS = ['tokens', 'requests', 'model_cost'] as const
export type Allocation = (typeof ALLOCATIONS)[number]

export interface MarginPolicy {
  readonly allocate: Allocation
  /** Services whose cost is nobody's share. */
  readonly keep: readonly string[]
}

/** What a call asks for when the routes are to choose its model. */
export const AUTO = 'auto'

export interface RoutePolicy {
  /** By query type. No prototype. */
  readonly byQueryType: Readonly<Record<string, Route>>
  /** For other query types, and calls without one. */
  readonly otherwise: Route
}

export interface Route {
  readonly model: string
  /** What a query is expected to cost, least and most; null = nothing is expected. */
  readonly expected: readonly [least: bigint, most: bigint] | null
}
