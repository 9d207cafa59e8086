import type { output } from 'zod'
import { TOKEN_CLASSES, type TokenClass } from '../usage.ts'
import { aloneOrList, block, fromEntries, list, named } from './blocks.ts'
import { budgets, degrade, routes } from './budgets.ts'
import { gateway } from './gateway.ts'
import {
  date,
  dockerUrl,
  dollars,
  duration,
  durationOrForever,
  type Env,
  flag,
  host,
  label,
  limit,
  oneOf,
  onOff,
  optional,
  percent,
  place,
  projectName,
  required,
  rosterFile,
  secret,
  size,
  timezone,
  url,
  whole,
} from './kinds.ts'
import { ALLOCATIONS, ATTRIBUTES, type Attribute, LANGFUSE_ROLES } from './policy.ts'

export const PROFILES = ['production', 'development'] as const

/**
 * The policy file's shape. Later parts get top-level keys of their own (`alerts`); until then those are unknown keys
 * and refused like any other. The environment is needed because a key stands in the file only by the name of its variable.
 * Defaults are laid under the file before it comes here (`defaults.ts`).
 */
export function policySchema(env: Env) {
  const known = schemas.get(env)
  if (known) return known
  const schema = build(env)
  schemas.set(env, schema)
  return schema
}

// Building one costs more than reading a file with it, and a program has one environment.
const schemas = new WeakMap<Env, ReturnType<typeof build>>()

function build(env: Env) {
  return block({
    version: required(oneOf(['1'])),
    timezone: required(timezone),
    tiers: named(tier, 'tiers by name, e.g. tier_1: { price_usd: 49 }'),
    customers: list(customer, 'a list of customers, e.g. - { id: acme, tier: tier_1 }'),
    roster: block({ file: optional(rosterFile), litellm: required(onOff), traffic: required(onOff) }),
    api_keys: named(keyOwner, 'owners by key alias, e.g. acme-backend: { customer: acme }'),
    attribution: block(attribution),
    prices: block({
      profile: required(oneOf(PROFILES)),
      overrides: list(priceOverride, 'a list of prices, e.g. - { model: my-model, input_usd_per_million: 1 }'),
    }),
    sources: block({
      litellm: block({ push: required(flag), poll: litellmPoll(env).nullish() }),
      langfuse: list(
        langfuseProject(env),
        `a list of projects, e.g. - { url: "https://cloud.langfuse.com", public_key: "\${LANGFUSE_PUBLIC_KEY}", secret_key: "\${LANGFUSE_SECRET_KEY}" }`,
      ),
      docker: docker.nullish(),
    }),
    rates: block({
      containers: list(
        containerRate,
        'rates of containers, e.g. { cpu_usd_per_hour: 0.03 }, or a list of them with dates',
      ),
    }),
    budgets,
    degrade,
    routes: routes.nullish(),
    margin: block({
      allocate: required(oneOf(ALLOCATIONS)),
      keep: list(required(label('the name of a service')), 'a list of services, e.g. [grafana]'),
    }),
    gateway: gateway.nullish(),
    server: block({
      host: required(host),
      port: required(whole(0, 65535)),
      keys: block({
        reader: optional(secret(env, 'MARGINWATCH_READER_KEY')),
        ingest: optional(secret(env, 'MARGINWATCH_INGEST_KEY')),
        gateway: optional(secret(env, 'MARGINWATCH_GATEWAY_KEY')),
        admin: optional(secret(env, 'MARGINWATCH_ADMIN_KEY')),
      }),
      body_limit: required(size('64KB', '256MB', '16MB')),
    }),
    metrics: block({
      customers: required(whole(0, 10_000)),
      customer_idle: required(duration('1h', '3650d', '35d')),
    }),
    ledger: block({
      retention: required(durationOrForever('1d', '36500d', '400d')),
      dedupe_window: required(duration('1h', '3650d', '35d')),
    }),
    sessions: block({ idle: required(duration('1m', '7d', '30m')) }),
  })
}

/** What the schema makes of a file without problems. */
export type PolicyValues = output<ReturnType<typeof policySchema>>

/** The key of an override that holds the price of a token class. */
export function priceKey(tokenClass: TokenClass): `${TokenClass}_usd_per_million` {
  return `${tokenClass}_usd_per_million`
}

const tier = block({
  price_usd: aloneOrList(required(dollars), block({ usd: required(dollars), from: optional(date) }), (usd) => [
    { usd, from: null },
  ]),
  budget_usd: optional(limit),
  margin_target: optional(percent('0%', '100%', '80%')),
})

/** An entry of `customers`, and a row of the roster file. */
export const customer = block({
  id: required(label('the name that calls carry for the customer')),
  tier: required(label('the name of a tier')),
  from: optional(date),
  to: optional(date),
  price_usd: optional(dollars),
  trial_until: optional(date),
})

const keyOwner = block({
  customer: optional(label('the name of a customer')),
  tier: optional(label('the name of a tier')),
  user: optional(label('the name of a person or service')),
  agent: optional(label('the name of an agent')),
  environment: optional(label('the name of an environment')),
})

const attribution = fromEntries(ATTRIBUTES, (_: Attribute) =>
  list(required(place), 'a list of places, e.g. [metadata.customer_id]'),
)

const priceOverride = block({
  model: required(label('a model name or a pattern with *')),
  provider: optional(label('the name of a provider')),
  from: optional(date),
  to: optional(date),
  ...fromEntries(TOKEN_CLASSES.map(priceKey), () => optional(dollars)),
})

const docker = block({
  url: required(dockerUrl),
  project: optional(label('the name of a compose project')),
  every: required(duration('5s', '1h', '15s')),
  record: required(duration('1m', '1h', '5m')),
  timeout: required(duration('2s', '10m', '10s')),
})

const containerRate = block({
  from: optional(date),
  cpu_usd_per_hour: optional(dollars),
  memory_usd_per_gib_hour: optional(dollars),
  network_usd_per_gib: optional(dollars),
})

function litellmPoll(env: Env) {
  return block({
    url: required(url),
    key: required(secret(env, 'LITELLM_KEY')),
    every: required(duration('1s', '1d', '30s')),
    lag: required(duration('0s', '1d', '2m')),
    backfill: required(duration('0s', '3650d', '31d')),
    directory: required(duration('10s', '1d', '5m')),
    page_size: required(whole(1, 1000)),
    timeout: required(duration('1s', '10m', '30s')),
  })
}

function langfuseProject(env: Env) {
  return block({
    name: required(projectName),
    url: required(url),
    public_key: required(secret(env, 'LANGFUSE_PUBLIC_KEY')),
    secret_key: required(secret(env, 'LANGFUSE_SECRET_KEY')),
    role: required(oneOf(LANGFUSE_ROLES)),
    every: required(duration('1s', '1d', '30s')),
    window: required(duration('1m', '7d', '30m')),
    settle: required(duration('0s', '6d', '15m')),
    backfill: required(duration('0s', '3650d', '31d')),
    metrics_every: required(duration('1m', '7d', '1h')),
    timeout: required(duration('1s', '10m', '60s')),
    events: required(onOff),
    admin_key: optional(secret(env, 'LANGFUSE_ADMIN_API_KEY')),
  })
}
