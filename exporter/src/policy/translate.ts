import { dirname, resolve } from 'node:path'
import type { Nano } from '@marginwatch/pricing'
import { TOKEN_CLASSES } from '../usage.ts'
import { byName } from './by-name.ts'
import type {
  ContainerRate,
  CustomerEntry,
  DockerPolicy,
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
  /** The file: what it names without a folder lies beside it. */
  readonly file: string
  /** Zone in which the file's dates begin. */
  readonly zone: string
  /** Stands above the file's price profile. */
  readonly profile: Policy['prices']['profile'] | null
}

/** The file's checked values → a policy. */
export function translate(values: PolicyValues, { file, zone, profile }: TranslateOptions): Policy {
  const begins = dayStarts(zone)
  const moment = (date: string | null) => (date === null ? null : begins(date))
  const { server, metrics, ledger, sources } = values
  return {
    timezone: values.timezone,
    tiers: byName(values.tiers, (tier) => tierOf(tier, moment)),
    customers: values.customers.map((entry) => customerEntry(entry, moment)),
    roster: { ...values.roster, file: values.roster.file === null ? null : resolve(dirname(file), values.roster.file) },
    apiKeys: byName(values.api_keys, (owner): KeyOwner => owner),
    attribution: values.attribution,
    prices: {
      profile: profile ?? values.prices.profile,
      overrides: values.prices.overrides.map((override) => priceOverride(override, moment)),
    },
    sources: {
      litellm: { push: sources.litellm.push, poll: litellmPoll(sources.litellm.poll) },
      langfuse: sources.langfuse.map(langfuseProject),
      docker: dockerPolicy(sources.docker),
    },
    rates: { containers: values.rates.containers.map((rate) => containerRate(rate, moment)) },
    gateway: values.gateway ? gatewayPolicy(values.gateway) : null,
    budgets: budgetPolicy(values.budgets),
    degrade: degradeRules(values.degrade),
    routes: values.routes ? routePolicy(values.routes) : null,
    margin: values.margin,
    server: { host: server.host, port: server.port, keys: server.keys, bodyLimitBytes: server.body_limit },
    metrics: { customers: metrics.customers, customerIdleMs: metrics.customer_idle },
    ledger: { retentionMs: ledger.retention, dedupeWindowMs: ledger.dedupe_window },
    sessions: { idleMs: values.sessions.idle },
  }
}

type Moment = (date: string | null) => number | null

function tierOf({ price_usd, budget_usd, margin_target }: PolicyValues['tiers'][string], moment: Moment): Tier {
  const prices = price_usd.map(({ usd, from }) => ({ price: usd, from: moment(from) }))
  const start = ({ from }: { readonly from: number | null }) => from ?? Number.NEGATIVE_INFINITY
  return {
    prices: prices.sort((a, b) => (start(a) < start(b) ? -1 : 1)),
    budget: budget_usd,
    target: margin_target,
  }
}

/** A customer's checked values, its dates by the zone that `moment` knows. */
export function customerEntry(values: PolicyValues['customers'][number], moment: Moment): CustomerEntry {
  const { id, tier, from, to, price_usd, trial_until } = values
  return { id, tier, from: moment(from), to: moment(to), price: price_usd, trialUntil: moment(trial_until) }
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

function dockerPolicy(values: PolicyValues['sources']['docker']): DockerPolicy | null {
  if (!values) return null
  const { url, project, every, record, timeout } = values
  return { url, project, everyMs: every, recordMs: record, timeoutMs: timeout }
}

function containerRate(
  rate: PolicyValues['rates']['containers'][number],
  moment: (date: string | null) => number | null,
): ContainerRate {
  const { cpu_usd_per_hour: cpu, memory_usd_per_gib_hour: memory, network_usd_per_gib: network } = rate
  return { from: moment(rate.from), cpu, memory, network }
}

function langfuseProject(values: PolicyValues['sources']['langfuse'][number]): LangfusePolicy {
  const { name, url, role, events, every, window, settle, backfill, metrics_every: metricsEvery, timeout } = values
  const keys = { publicKey: values.public_key, secretKey: values.secret_key, adminKey: values.admin_key }
  const times = { everyMs: every, windowMs: window, settleMs: settle, backfillMs: backfill }
  return { name, url, role, events, ...keys, ...times, metricsEveryMs: metricsEvery, timeoutMs: timeout }
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
