import type { Nano } from '@marginwatch/pricing'
import { TOKEN_CLASSES } from '../usage.ts'
import { byName } from './by-name.ts'
import type {
  CustomerEntry,
  GatewayModel,
  GatewayPolicy,
  KeyOwner,
  LangfusePolicy,
  LitellmPoll,
  Policy,
  PriceOverride,
  Tier,
} from './policy.ts'
import { type PolicyValues, priceKey } from './schema.ts'
import { budgetPolicy, degradeRules, routePolicy } from './translate-budgets.ts'
import { dayStarts } from './zone.ts'

export interface TranslateOptions {
  /** Zone in which the file's dates begin. */
  readonly zone: string
  /** Stands above the file's price profile. */
  readonly profile: Policy['prices']['profile'] | null
}

/** The file's checked values → a policy. */
export function translate(values: PolicyValues, { zone, profile }: TranslateOptions): Policy {
  const begins = dayStarts(zone)
  const moment = (date: string | null) => (date === null ? null : begins(date))
  const { server, metrics, ledger, sources } = values
  return {
    timezone: values.timezone,
    tiers: byName(values.tiers, (tier): Tier => ({ price: tier.price_usd, budget: tier.budget_usd })),
    customers: values.customers.map(
      (entry): CustomerEntry => ({ id: entry.id, tier: entry.tier, from: moment(entry.from), to: moment(entry.to) }),
    ),
    apiKeys: byName(values.api_keys, (owner): KeyOwner => owner),
    attribution: values.attribution,
    prices: {
      profile: profile ?? values.prices.profile,
      overrides: values.prices.overrides.map((override) => priceOverride(override, moment)),
    },
    sources: {
      litellm: { push: sources.litellm.push, poll: litellmPoll(sources.litellm.poll) },
      langfuse: sources.langfuse.map(langfuseProject),
    },
    gateway: values.gateway ? gatewayPolicy(values.gateway) : null,
    budgets: budgetPolicy(values.budgets),
    degrade: degradeRules(values.degrade),
    routes: values.routes ? routePolicy(values.routes) : null,
    server: { host: server.host, port: server.port, keys: server.keys, bodyLimitBytes: server.body_limit },
    metrics: { customers: metrics.customers, customerIdleMs: metrics.customer_idle },
    ledger: { retentionMs: ledger.retention, dedupeWindowMs: ledger.dedupe_window },
    sessions: { idleMs: values.sessions.idle },
  }
}

function priceOverride(
  values: PolicyValues['prices']['overrides'][number],
  moment: (date: string | null) => number | null,
): PriceOverride {
  const perMillion: Record<string, Nano> = {}
  for (const tokenClass of TOKEN_CLASSES) {
    const price = values[priceKey(tokenClass)]
    if (price !== null) perMillion[tokenClass] = price
  }
  const { model, provider } = values
  return { model, provider, from: moment(values.from), to: moment(values.to), perMillion }
}

function litellmPoll(poll: PolicyValues['sources']['litellm']['poll']): LitellmPoll | null {
  if (!poll) return null
  const { url, key, every, lag, backfill, directory, page_size, timeout } = poll
  const times = { everyMs: every, lagMs: lag, backfillMs: backfill, directoryMs: directory, timeoutMs: timeout }
  return { url, key, ...times, pageSize: page_size }
}

function langfuseProject(values: PolicyValues['sources']['langfuse'][number]): LangfusePolicy {
  const { name, url, role, every, window, settle, backfill, metrics_every: metricsEvery, timeout } = values
  const keys = { publicKey: values.public_key, secretKey: values.secret_key, adminKey: values.admin_key }
  const times = { everyMs: every, windowMs: window, settleMs: settle, backfillMs: backfill }
  return { name, url, role, ...keys, ...times, metricsEveryMs: metricsEvery, timeoutMs: timeout }
}

function gatewayPolicy(values: NonNullable<PolicyValues['gateway']>): GatewayPolicy {
  const { models, fallbacks, retries, timeout, cache, cache_ttl, redis_url, langfuse, prometheus } = values
  return {
    models: byName(models, gatewayModel),
    fallbacks: byName(fallbacks, (names) => names),
    retries,
    timeoutMs: timeout,
    cache,
    cacheTtlMs: cache_ttl,
    redisUrl: redis_url,
    langfuse: langfuse ? { host: langfuse.host, publicKey: langfuse.public_key, secretKey: langfuse.secret_key } : null,
    prometheus,
    masterKey: values.master_key,
    databaseUrl: values.database_url,
  }
}

function gatewayModel(values: NonNullable<PolicyValues['gateway']>['models'][string]): GatewayModel {
  return {
    model: values.model,
    mode: values.mode,
    apiBase: values.api_base,
    apiKey: values.api_key,
    apiVersion: values.api_version,
    awsRegion: values.aws_region,
    vertexProject: values.vertex_project,
    vertexLocation: values.vertex_location,
  }
}
