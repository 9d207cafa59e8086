import { MODELS } from '@marginwatch/sandbox'
import type {
  ContainerRate,
  CustomerEntry,
  DockerPolicy,
  GatewayModel,
  GatewayPolicy,
  LangfusePolicy,
  LitellmPoll,
  MarginPolicy,
  Policy,
} from '../policy/policy.ts'
import { demoBudgets, type Spent } from './budgets.ts'
import { demoTiers } from './clientele.ts'

/** Where the stand-ins are, and what they are let in with. */
export interface DemoPlace {
  /** Where the exporter listens. */
  readonly port: number
  /** Key of those who send calls and ask for decisions. */
  readonly gatewayKey: string
  /** The stand-in for LiteLLM. */
  readonly url: string
  readonly masterKey: string
  readonly langfuse: {
    readonly url: string
    readonly keys: { readonly publicKey: string; readonly secretKey: string }
    readonly adminKey: string
    /** How far back the first start reads it. */
    readonly backfillMs: number
  }
  readonly docker: { readonly url: string }
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/**
 * The user's policy with the stand-ins as its only sources, with the customers of the invented company, and with the budgets of
 * the demonstration; a real gateway's key does not fit, so real calls stay out.
 */
export function demoPolicy(
  policy: Policy,
  { port, gatewayKey, url, masterKey, langfuse, docker }: DemoPlace,
  spent: Spent,
  customers: readonly CustomerEntry[] = [],
): Policy {
  const poll: LitellmPoll = {
    url,
    key: masterKey,
    everyMs: 5_000,
    lagMs: 15_000,
    backfillMs: MINUTE_MS,
    directoryMs: 5 * MINUTE_MS,
    pageSize: 500,
    timeoutMs: 10_000,
  }
  const ownModel = { model: 'qwen3-32b', provider: null, from: null, to: null, perMillion: { input: 0n, output: 0n } }
  const keys = { ...policy.server.keys, ingest: gatewayKey, gateway: gatewayKey }
  const tiers = demoTiers(policy.tiers)
  return Object.freeze({
    ...policy,
    tiers,
    customers: Object.freeze(customers),
    roster: Object.freeze({ file: null, litellm: true, traffic: true }),
    // The invented company runs one model itself, which costs it nothing, and has one that nobody knows the price of.
    prices: Object.freeze({ ...policy.prices, overrides: Object.freeze([...policy.prices.overrides, ownModel]) }),
    sources: Object.freeze({
      ...policy.sources,
      langfuse: Object.freeze([langfusePolicy(langfuse)]),
      docker: dockerPolicy(docker.url),
      litellm: Object.freeze({ push: true, poll: Object.freeze(poll) }),
    }),
    gateway: GATEWAY,
    rates: Object.freeze({ containers: RATES }),
    margin: MARGIN,
    budgets: demoBudgets(policy.budgets, spent, tiers),
    degrade: DEGRADE,
    routes: null,
    server: Object.freeze({ ...policy.server, port, keys: Object.freeze(keys) }),
  })
}

function langfusePolicy({ url, keys, adminKey, backfillMs }: DemoPlace['langfuse']): LangfusePolicy {
  return Object.freeze({
    name: 'main',
    url,
    publicKey: keys.publicKey,
    secretKey: keys.secretKey,
    adminKey,
    role: 'reconcile',
    events: false,
    everyMs: 10_000,
    windowMs: 10 * MINUTE_MS,
    settleMs: 2 * MINUTE_MS,
    backfillMs,
    metricsEveryMs: HOUR_MS,
    timeoutMs: MINUTE_MS,
  })
}

/** Of the engine at an address. */
export function dockerPolicy(url: string): DockerPolicy {
  return Object.freeze({ url, project: null, everyMs: 15_000, recordMs: 5 * MINUTE_MS, timeoutMs: 10_000 })
}

/** What the company pays for its machines, invented like itself: $0.06 a processor-hour, $0.008 a GiB-hour, $0.10 a GiB sent or got. */
export const RATES: readonly ContainerRate[] = Object.freeze([
  Object.freeze({ from: null, cpu: 60_000_000n, memory: 8_000_000n, network: 100_000_000n }),
])

/** Those who watch over it all work for no customer. */
const MARGIN: MarginPolicy = Object.freeze({ allocate: 'tokens', keep: Object.freeze(['grafana', 'prometheus']) })

const DEGRADE = Object.freeze([
  { from: 'claude-sonnet', to: 'claude-haiku' },
  { from: 'gpt-4o', to: 'gpt-4o-mini' },
  { from: 'gemini-pro', to: 'gemini-flash' },
])

/** What the company's gateway has. */
const GATEWAY: GatewayPolicy = Object.freeze({
  models: named(MODELS.map(({ group, name, kind }) => [group, deployment(name, kind)])),
  fallbacks: named([
    ...MODELS.filter(({ group, kind }) => kind === 'chat' && group !== 'claude-haiku' && group !== 'gpt-4o-mini').map(
      ({ group }): [string, readonly string[]] => [group, ['claude-haiku']],
    ),
    ['claude-haiku', ['gpt-4o-mini']],
  ]),
  retries: 2,
  timeoutMs: 10 * MINUTE_MS,
  cache: 'memory',
  cacheTtlMs: 10 * MINUTE_MS,
  redisUrl: 'REDIS_URL',
  langfuse: null,
  prometheus: false,
  masterKey: 'LITELLM_MASTER_KEY',
  databaseUrl: 'DATABASE_URL',
})

function deployment(model: string, mode: 'chat' | 'embedding'): GatewayModel {
  return Object.freeze({
    model,
    mode,
    apiBase: null,
    apiKey: null,
    apiVersion: null,
    awsRegion: null,
    vertexProject: null,
    vertexLocation: null,
  })
}

function named<T>(entries: readonly (readonly [string, T])[]): Readonly<Record<string, T>> {
  return Object.freeze(Object.assign(Object.create(null) as Record<string, T>, Object.fromEntries(entries)))
}
