import { MODELS } from '@marginwatch/sandbox'
import type { GatewayModel, GatewayPolicy, Policy } from '../policy/policy.ts'
import { demoBudgets, type Spent } from './budgets.ts'

/** Where the stand-in for LiteLLM is, and what it is let in with. */
export interface DemoPlace {
  /** Where the exporter listens. */
  readonly port: number
  /** Key of those who send calls and ask for decisions. */
  readonly gatewayKey: string
  readonly url: string
  readonly masterKey: string
}

const MINUTE_MS = 60_000

/**
 * The user's policy with the stand-in as its only source, and with the budgets of the demonstration; a real gateway's key does
 * not fit, so real calls stay out.
 */
export function demoPolicy(policy: Policy, { port, gatewayKey, url, masterKey }: DemoPlace, spent: Spent): Policy {
  const poll = {
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
  return Object.freeze({
    ...policy,
    // The invented company runs one model itself, which costs it nothing, and has one that nobody knows the price of.
    prices: Object.freeze({ ...policy.prices, overrides: Object.freeze([...policy.prices.overrides, ownModel]) }),
    sources: Object.freeze({
      ...policy.sources,
      langfuse: Object.freeze([]),
      docker: null,
      litellm: Object.freeze({ push: true, poll: Object.freeze(poll) }),
    }),
    gateway: GATEWAY,
    budgets: demoBudgets(policy.budgets, spent, policy.tiers),
    degrade: DEGRADE,
    routes: null,
    server: Object.freeze({ ...policy.server, port, keys: Object.freeze(keys) }),
  })
}

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
