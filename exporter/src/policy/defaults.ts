import { BUDGET_DEFAULTS } from './budget-defaults.ts'

/**
 * The policy that an empty file stands for, in the file's own words. It is laid under what the user wrote: blocks are
 * joined key by key, lists and single values are replaced whole.
 */
export const DEFAULTS = {
  version: '1',
  timezone: 'UTC',
  tiers: {},
  customers: [],
  roster: { litellm: 'on', traffic: 'on' },
  api_keys: {},
  attribution: {
    customer: ['end_user', 'metadata.customer_id', 'tag.customer_id', 'header.x-customer-id'],
    tier: ['metadata.plan_tier', 'tag.plan_tier', 'header.x-plan-tier'],
    user: ['metadata.user_id', 'tag.user_id', 'header.x-user-id', 'key_user'],
    // The record's own field comes last: LiteLLM fills it with a made-up id when the client named no session.
    session: [
      'metadata.session_id',
      'tag.session_id',
      'header.x-litellm-session-id',
      'header.x-session-id',
      'session_id',
    ],
    agent: ['metadata.agent_id', 'metadata.agent', 'tag.agent_id', 'tag.agent', 'header.x-agent-id'],
    trace: ['metadata.trace_id', 'tag.trace_id', 'header.x-litellm-trace-id', 'header.x-trace-id', 'trace_id'],
    operation: [
      'metadata.operation',
      'metadata.feature',
      'metadata.endpoint',
      'tag.operation',
      'tag.feature',
      'tag.endpoint',
      'header.x-operation',
    ],
    query_type: ['metadata.query_type', 'tag.query_type', 'header.x-query-type'],
    // The gateway's hook notes the model that was asked for before it changes it.
    model_asked: ['metadata.requested_model', 'model_group'],
    model_used: ['metadata.model_used', 'tag.model_used'],
    environment: ['metadata.environment', 'tag.environment', 'header.x-environment'],
    project: ['metadata.gcp_project', 'tag.gcp_project', 'metadata.project', 'tag.project'],
    prompt_name: ['metadata.prompt_name', 'tag.prompt_name'],
    prompt_version: ['metadata.prompt_version', 'tag.prompt_version'],
    tools: ['metadata.tools_invoked', 'tag.tools_invoked'],
  },
  prices: { profile: 'production', overrides: [] },
  sources: { litellm: { push: 'true' }, langfuse: [] },
  rates: { containers: [] },
  budgets: BUDGET_DEFAULTS,
  degrade: {},
  margin: { allocate: 'tokens', keep: [] },
  server: { host: '127.0.0.1', port: '9464', keys: {}, body_limit: '16MB' },
  metrics: { customers: '200', customer_idle: '35d' },
  ledger: { retention: '400d', dedupe_window: '35d' },
  sessions: { idle: '30m' },
} as const

/** Laid under `sources.litellm.poll` where the file has one; without it nothing is polled. */
export const POLL_DEFAULTS = {
  every: '30s',
  lag: '2m',
  backfill: '31d',
  directory: '5m',
  page_size: '200',
  timeout: '30s',
} as const

/** Laid under `sources.docker` where the file has one; without it no containers are read. */
export const DOCKER_DEFAULTS = {
  url: 'unix:///var/run/docker.sock',
  every: '15s',
  record: '5m',
  timeout: '10s',
} as const

/** Laid under each of `sources.langfuse`. The timeout is longer than Langfuse's own limit of 30 s, after which it says so itself. */
export const LANGFUSE_PROJECT_DEFAULTS = {
  name: 'main',
  role: 'reconcile',
  every: '30s',
  window: '30m',
  settle: '15m',
  backfill: '31d',
  metrics_every: '1h',
  timeout: '60s',
  // What is written stays in the project, and costs a unit of its plan: that is for its owner to ask for.
  events: 'off',
} as const

/** Laid under `gateway` where the file has one; without it no configuration of LiteLLM is generated. */
export const GATEWAY_DEFAULTS = {
  models: {},
  fallbacks: {},
  retries: '2',
  timeout: '10m',
  cache: 'off',
  cache_ttl: '10m',
  redis_url: `\${REDIS_URL}`,
  prometheus: 'false',
  master_key: `\${LITELLM_MASTER_KEY}`,
  database_url: `\${DATABASE_URL}`,
} as const

/** Laid under each of `gateway.models`. */
export const GATEWAY_MODEL_DEFAULTS = { mode: 'chat' } as const

/** Laid under `gateway.langfuse` where the file has one. */
export const LANGFUSE_DEFAULTS = {
  public_key: `\${LANGFUSE_PUBLIC_KEY}`,
  secret_key: `\${LANGFUSE_SECRET_KEY}`,
} as const
