import {
  AUTO,
  type BudgetPolicy,
  type GatewayModel,
  type GatewayPolicy,
  type RoutePolicy,
  type Variable,
} from '../policy/policy.ts'
import { metricGroups } from './metrics.ts'
import { comment, type Line, type Block, yamlText } from './text.ts'

/** What the configuration is made of; a policy that describes a gateway fits it. */
export interface GatewaySource {
  readonly timezone: string
  readonly gateway: GatewayPolicy
  /** Where calls for `auto` go. */
  readonly routes: RoutePolicy | null
  readonly budgets: Pick<BudgetPolicy, 'onUnreachable'>
}

export interface GatewayConfigOptions {
  /** The policy's file, for the head of the text. */
  readonly from?: string
  /** How often LiteLLM writes spend and the spend log, in whole seconds from 1; it adds up to 5. */
  readonly writeSeconds?: number
}

/** LiteLLM's own, well within the poll's usual lag of two minutes. */
const WRITE_SECONDS = 10

/**
 * LiteLLM's configuration, as the text of its `config.yaml`: the same for the same policy, byte for byte. It holds no key, only
 * the names of the variables that LiteLLM reads them from. Each name in it is one that LiteLLM 1.106.2 reads where it stands.
 */
export function gatewayConfig(source: GatewaySource, options: GatewayConfigOptions = {}): string {
  const { from = 'marginwatch.yaml', writeSeconds = WRITE_SECONDS } = options
  const { timezone } = source
  const gateway = withAuto(source)
  const sections: Line[] = [
    { key: 'model_list', value: { items: Object.entries(gateway.models).map(deployment) } },
    { key: 'router_settings', value: { lines: router(gateway) } },
    { key: 'litellm_settings', value: { lines: settings(gateway, timezone) }, why: SETTINGS },
    { key: 'general_settings', value: { lines: general(gateway, writeSeconds) } },
    ...environment(gateway, source.budgets),
  ]
  return `${comment(head(from))}\n${yamlText({ lines: sections })}`
}

/**
 * With routes, LiteLLM has to know a model `auto`, or it refuses the name before the hook can put another in its place. It is
 * that of the usual route, with its fallbacks: so it answers also while no decision is to be had.
 */
function withAuto({ gateway, routes }: GatewaySource): GatewayPolicy {
  const usual = routes?.otherwise.model ?? ''
  const model = gateway.models[usual]
  if (model === undefined) return gateway
  const fallbacks = gateway.fallbacks[usual]
  return {
    ...gateway,
    models: { ...gateway.models, [AUTO]: model },
    fallbacks: fallbacks === undefined ? gateway.fallbacks : { ...gateway.fallbacks, [AUTO]: fallbacks },
  }
}

function head(from: string): string {
  return (
    `LiteLLM's configuration, generated from ${from} by "npm run generate": change it there, not here. Beside it must lie ` +
    'marginwatch.py; docs/gateway.md says how the two are put to use.'
  )
}

const SETTINGS =
  'LiteLLM takes these from top to bottom, and a callback begins with what stands above it: so callbacks come last.'

function deployment([name, model]: [string, GatewayModel]): Block {
  return {
    lines: [
      { key: 'model_name', value: name },
      { key: 'litellm_params', value: { lines: parameters(model) } },
      { key: 'model_info', value: { lines: [{ key: 'mode', value: model.mode }] } },
    ],
  }
}

function parameters(model: GatewayModel): Line[] {
  return [
    ...text('model', model.model),
    ...text('api_base', model.apiBase),
    ...text('api_key', model.apiKey === null ? null : fromEnvironment(model.apiKey)),
    ...text('api_version', model.apiVersion),
    ...text('aws_region_name', model.awsRegion),
    ...text('vertex_project', model.vertexProject),
    ...text('vertex_location', model.vertexLocation),
  ]
}

function text(key: string, value: string | null): Line[] {
  return value === null ? [] : [{ key, value }]
}

function router({ retries, timeoutMs, fallbacks }: GatewayPolicy): Line[] {
  const items = Object.entries(fallbacks).map(([from, to]): Block => ({ lines: [{ key: from, value: to }] }))
  const why = 'Asked in this order when a model has failed and so have its retries.'
  return [
    { key: 'num_retries', value: retries, why: 'Tries after the first, of the same model.' },
    { key: 'timeout', value: timeoutMs / 1000, why: 'Seconds that one try may take.' },
    ...(items.length === 0 ? [] : [{ key: 'fallbacks', value: { items }, why }]),
  ]
}

function settings(gateway: GatewayPolicy, timezone: string): Line[] {
  const zone = 'The zone of the policy: budgets of LiteLLM begin with the same day and month as ours.'
  return [
    { key: 'timezone', value: timezone, why: zone },
    ...cache(gateway),
    ...(gateway.prometheus ? [{ key: 'prometheus_metrics_config', value: metricGroups(), why: PROMETHEUS }] : []),
    { key: 'callbacks', value: callbacks(gateway), why: CALLBACKS },
  ]
}

const PROMETHEUS =
  'Only what tells how LiteLLM itself does, without customers and keys: all that it can count is 225,000 series for a thousand ' +
  'customers. One name that a version does not know switches all of it off, so look for a "litellm_" line after an upgrade.'
const CALLBACKS = 'marginwatch.py stamps each call and tells Marginwatch of it.'

function cache({ cache: kind, cacheTtlMs, redisUrl }: GatewayPolicy): Line[] {
  if (kind === 'off') return []
  const lines: Line[] = [
    { key: 'type', value: kind === 'memory' ? 'local' : 'redis' },
    { key: 'ttl', value: cacheTtlMs / 1000 },
    ...(kind === 'redis' ? [{ key: 'url', value: fromEnvironment(redisUrl) }] : []),
  ]
  const why =
    kind === 'memory'
      ? 'The same question is answered again without a provider, by each process from its own memory.'
      : 'The same question is answered again without a provider. Processes also share their counts of spend through this Redis.'
  return [
    { key: 'cache', value: true, why },
    { key: 'cache_params', value: { lines } },
  ]
}

function callbacks({ langfuse, prometheus }: GatewayPolicy): string[] {
  return ['marginwatch.gateway', ...(langfuse ? ['langfuse_otel'] : []), ...(prometheus ? ['prometheus'] : [])]
}

function general({ masterKey, databaseUrl }: GatewayPolicy, writeSeconds: number): Line[] {
  return [
    { key: 'master_key', value: fromEnvironment(masterKey) },
    {
      key: 'database_url',
      value: fromEnvironment(databaseUrl),
      why: 'While the variable is not set LiteLLM runs without a database: no keys of its own, no spend log, nothing to poll.',
    },
    {
      key: 'disable_budget_reservation',
      value: true,
      why: 'Otherwise LiteLLM holds the dearest answer possible for each call, and refuses calls of a customer who has spent 2 % of the budget.',
    },
    {
      key: 'proxy_batch_write_at',
      value: writeSeconds,
      why: 'Seconds between writes of spend and spend log; well below the lag of the poll.',
    },
  ]
}

const LANGFUSE_KEYS = { publicKey: 'LANGFUSE_PUBLIC_KEY', secretKey: 'LANGFUSE_SECRET_KEY' } as const

function environment({ langfuse }: GatewayPolicy, { onUnreachable }: GatewaySource['budgets']): Line[] {
  const told = [...traces(langfuse), ...undecided(onUnreachable)]
  if (told.length === 0) return []
  const why = told.map(({ why }) => why).join(' ')
  return [{ key: 'environment_variables', value: { lines: told.flatMap(({ lines }) => lines) }, why }]
}

interface Variables {
  readonly lines: readonly Line[]
  readonly why: string
}

/** The callback for Langfuse reads its settings from variables with names of their own. */
function traces(langfuse: GatewayPolicy['langfuse']): Variables[] {
  if (langfuse === null) return []
  const keys = (['publicKey', 'secretKey'] as const).flatMap((key): Line[] => {
    const name = LANGFUSE_KEYS[key]
    return langfuse[key] === name ? [] : [{ key: name, value: fromEnvironment(langfuse[key]) }]
  })
  const lines = [{ key: 'LANGFUSE_OTEL_HOST', value: langfuse.host }, ...keys]
  const why = `Where traces go, by OTLP. The keys are read from ${langfuse.publicKey} and ${langfuse.secretKey}.`
  return [{ lines, why }]
}

/** To let calls through is what marginwatch.py does without being told. */
function undecided(onUnreachable: BudgetPolicy['onUnreachable']): Variables[] {
  if (onUnreachable === 'allow') return []
  const why = 'What marginwatch.py does with calls while it has reached no Marginwatch yet.'
  return [{ lines: [{ key: 'MARGINWATCH_ON_UNREACHABLE', value: onUnreachable }], why }]
}

/** As LiteLLM names a variable of its environment. */
function fromEnvironment(name: Variable): string {
  return `os.environ/${name}`
}
