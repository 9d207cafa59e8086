import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Policy } from '../policy/policy.ts'
import { readPolicy } from '../policy/read.ts'
import { type GatewayConfigOptions, gatewayConfig } from './config.ts'

const ENV = { LITELLM_KEY: 'sk-very-secret', READER: 'r', INGEST: 'i', GATEWAY: 'g', ADMIN: 'a' }

function policyOf(text: string): Policy {
  const { policy, problems } = readPolicy(text, { file: 'f', env: ENV })
  if (!policy) throw new Error(problems.map(({ message }) => message).join())
  return policy
}

function configOf(text: string, options?: GatewayConfigOptions): string {
  const { gateway, ...policy } = policyOf(text)
  if (gateway === null) throw new Error('no gateway')
  return gatewayConfig({ ...policy, gateway }, options)
}

const repository = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const full = () => configOf(readFileSync(new URL('../policy/fixtures/good/full.yaml', import.meta.url), 'utf8'))
const small = (more = '') => `gateway: { models: { m: { model: openai/m } }${more} }`

test('gateway/config.yaml is what npm run generate makes of marginwatch.yaml, byte for byte', () => {
  expect(repository('gateway/config.yaml')).toBe(configOf(repository('marginwatch.yaml')))
})

describe('the configuration', () => {
  test('has nothing that is not asked for', () => {
    expect(parse(configOf(small()), { version: '1.1' })).toEqual({
      model_list: [{ model_name: 'm', litellm_params: { model: 'openai/m' }, model_info: { mode: 'chat' } }],
      router_settings: { num_retries: 2, timeout: 600 },
      litellm_settings: { timezone: 'UTC', callbacks: ['marginwatch.gateway'] },
      general_settings: {
        master_key: 'os.environ/LITELLM_MASTER_KEY',
        database_url: 'os.environ/DATABASE_URL',
        disable_budget_reservation: true,
        proxy_batch_write_at: 10,
      },
    })
  })

  test('has everything that is', () => {
    const { litellm_settings, ...rest } = parse(full(), { version: '1.1' })
    const { prometheus_metrics_config, ...settings } = litellm_settings
    expect(settings).toEqual({
      timezone: 'Europe/Berlin',
      cache: true,
      cache_params: { type: 'redis', ttl: 3600, url: 'os.environ/CACHE_URL' },
      callbacks: ['marginwatch.gateway', 'langfuse_otel', 'prometheus'],
    })
    expect(rest).toEqual({
      model_list: [
        {
          model_name: 'gpt-4o',
          litellm_params: {
            model: 'azure/gpt-4o-eu',
            api_base: 'https://acme.openai.azure.com',
            api_key: 'os.environ/AZURE_API_KEY',
            api_version: '2024-10-21',
          },
          model_info: { mode: 'chat' },
        },
        {
          model_name: 'on',
          litellm_params: {
            model: 'bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0',
            aws_region_name: 'eu-central-1',
          },
          model_info: { mode: 'chat' },
        },
        {
          model_name: 'gemini',
          litellm_params: {
            model: 'vertex_ai/gemini-2.5-pro',
            vertex_project: 'acme',
            vertex_location: 'europe-west4',
          },
          model_info: { mode: 'chat' },
        },
        {
          model_name: 'local',
          litellm_params: { model: 'hosted_vllm/qwen3-32b', api_base: 'http://127.0.0.1:8000/v1' },
          model_info: { mode: 'chat' },
        },
        {
          model_name: 'embeddings',
          litellm_params: { model: 'openai/text-embedding-3-large', api_key: 'os.environ/OPENAI_API_KEY' },
          model_info: { mode: 'embedding' },
        },
        {
          model_name: 'auto',
          litellm_params: {
            model: 'azure/gpt-4o-eu',
            api_base: 'https://acme.openai.azure.com',
            api_key: 'os.environ/AZURE_API_KEY',
            api_version: '2024-10-21',
          },
          model_info: { mode: 'chat' },
        },
      ],
      router_settings: {
        num_retries: 0,
        timeout: 90,
        fallbacks: [{ 'gpt-4o': ['on', 'gemini'] }, { on: ['gemini'] }, { auto: ['on', 'gemini'] }],
      },
      general_settings: {
        master_key: 'os.environ/GATEWAY_MASTER_KEY',
        database_url: 'os.environ/GATEWAY_DATABASE_URL',
        disable_budget_reservation: true,
        proxy_batch_write_at: 10,
      },
      // The secret key has the name that the callback reads by itself.
      environment_variables: {
        LANGFUSE_OTEL_HOST: 'https://langfuse.example',
        LANGFUSE_PUBLIC_KEY: 'os.environ/LF_PUBLIC',
        MARGINWATCH_ON_UNREACHABLE: 'block',
      },
    })
  })

  test('knows a model auto where the policy has routes, without fallbacks when its model has none', () => {
    const parsed = parse(configOf(`${small()}\nroutes: { default: { model: m } }`), { version: '1.1' })
    const [m, auto] = parsed.model_list
    expect(auto).toEqual({ ...m, model_name: 'auto' })
    expect(parsed.router_settings.fallbacks).toBeUndefined()
  })

  test('tells the hook to refuse calls without a decision only where the policy says so', () => {
    const told = (word: string) =>
      parse(configOf(`${small()}\nbudgets: { on_unreachable: ${word} }`)).environment_variables
    expect(told('block')).toEqual({ MARGINWATCH_ON_UNREACHABLE: 'block' })
    expect(told('allow')).toBeUndefined()
  })

  test('puts callbacks last, since one begins with what stands above it', () => {
    const { litellm_settings } = parse(full(), { version: '1.1' })
    expect(Object.keys(litellm_settings).at(-1)).toBe('callbacks')
  })

  test('lets Prometheus count no customer, no key and no client', () => {
    const { litellm_settings } = parse(full(), { version: '1.1' })
    const groups = litellm_settings.prometheus_metrics_config as { metrics: string[]; include_labels?: string[] }[]
    const labels = groups.flatMap(({ include_labels = [] }) => include_labels)
    expect(labels.length).toBeGreaterThan(0)
    for (const label of labels) expect(label).not.toMatch(/user|key|team|email|ip|agent|org|route/)
    // Without labels of its own choosing a metric must have none that grow with customers.
    const whole = groups.filter(({ include_labels }) => !include_labels).flatMap(({ metrics }) => metrics)
    expect(whole).toEqual([
      'litellm_deployment_state',
      'litellm_deployment_cooled_down',
      'litellm_in_flight_requests',
      'litellm_callback_logging_failures_metric',
    ])
  })

  test('caches in memory where the policy says so', () => {
    const { litellm_settings } = parse(configOf(small(', cache: memory, cache_ttl: 90s')), { version: '1.1' })
    expect(litellm_settings).toMatchObject({ cache: true, cache_params: { type: 'local', ttl: 90 } })
  })

  test('holds no key, whatever the environment holds', () => {
    expect(full()).not.toContain('sk-very-secret')
    expect(full()).not.toContain('${')
  })

  test('can be made for a test that writes sooner', () => {
    const text = configOf(small(), { from: 'elsewhere.yaml', writeSeconds: 1 })
    expect(parse(text).general_settings.proxy_batch_write_at).toBe(1)
    expect(text.split('\n')[0]).toContain('elsewhere.yaml')
  })

  test('says why at each setting that is not LiteLLM’s usual, in lines of 120 columns at most', () => {
    const lines = full().split('\n')
    for (const key of [
      'disable_budget_reservation',
      'proxy_batch_write_at',
      'timezone',
      'callbacks',
      'prometheus_metrics_config',
      'cache',
      'fallbacks',
      'environment_variables',
    ])
      expect(lines[lines.findIndex((line) => line.trim().startsWith(`${key}:`)) - 1], key).toMatch(/^ *# /)
    expect(lines.filter((line) => line.startsWith('#') && line.length > 120)).toEqual([])
  })
})
