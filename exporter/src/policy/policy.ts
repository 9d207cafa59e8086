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
  /** API key alias → who owns the calls made with it. No prototype either. */
  readonly apiKeys: Readonly<Record<string, KeyOwner>>
  /** Where each attribute of a call is looked for, best first. */
  readonly attribution: Readonly<Record<Attribute, readonly FieldRef[]>>
  readonly prices: PricePolicy
  readonly sources: { readonly litellm: LitellmPolicy }
  /** The LiteLLM whose configuration is generated from here; null when the file describes none. The program itself reads none of it. */
  readonly gateway: GatewayPolicy | null
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
  /** Price a customer a month. */
  readonly price: bigint
}

export interface CustomerEntry {
  readonly id: string
  readonly tier: string
  /** First moment at which it holds: midnight of the date in the policy's zone; null = always. */
  readonly from: number | null
  /** First moment at which it no longer holds; null = until further notice. */
  readonly to: number | null
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
  readonly keys: { readonly reader: string | null; readonly ingest: string | null; readonly admin: string | null }
  readonly bodyLimitBytes: number
}
