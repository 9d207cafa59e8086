import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { plan } from '../../test/support/world.ts'
import { ATTRIBUTES, type Policy } from './policy.ts'
import { readPolicy } from './read.ts'

const ENV = { LITELLM_KEY: 'sk', READER: 'r', INGEST: 'i', GATEWAY: 'g', ADMIN: 'a' }
const FOLDER = new URL('fixtures/good/', import.meta.url)

function good(text: string, env: Record<string, string> = ENV): Policy {
  const { policy, problems } = readPolicy(text, { file: 'f', env })
  expect(problems).toBeUndefined()
  if (!policy) throw new Error('refused')
  return policy
}
const fixture = (name: string) => good(readFileSync(new URL(name, FOLDER), 'utf8'))
const shipped = () => good(readFileSync(new URL('../../../marginwatch.yaml', import.meta.url), 'utf8'), {})

describe('a good policy file', () => {
  test.each(readdirSync(FOLDER))('%s is a policy', (name) => {
    fixture(name)
  })

  test('that is empty, has only a comment, or only empty blocks, is the policy of defaults', () => {
    const empty = fixture('empty.yaml')
    expect(empty).toEqual({
      timezone: 'UTC',
      tiers: {},
      customers: [],
      roster: { file: null, litellm: true, traffic: true },
      apiKeys: {},
      attribution: expect.any(Object),
      prices: { profile: 'production', overrides: [] },
      sources: { litellm: { push: true, poll: null }, langfuse: [], docker: null },
      rates: { containers: [] },
      gateway: null,
      budgets: expect.any(Object),
      degrade: [],
      routes: null,
      margin: { allocate: 'tokens', keep: [] },
      server: {
        host: '127.0.0.1',
        port: 9464,
        keys: { reader: null, ingest: null, gateway: null, admin: null },
        bodyLimitBytes: 16_000_000,
      },
      metrics: { customers: 200, customerIdleMs: 35 * 86_400_000 },
      ledger: { retentionMs: 400 * 86_400_000, dedupeWindowMs: 35 * 86_400_000 },
      sessions: { idleMs: 30 * 60_000 },
    })
    expect(fixture('comment.yaml')).toEqual(empty)
    expect(fixture('blanks.yaml')).toEqual(empty)
  })

  test('that says everything is taken at its word, in milliseconds, bytes and nano-dollars', () => {
    const { attribution, gateway: _, budgets: __, degrade: ___, routes: ____, ...rest } = fixture('full.yaml')
    expect(rest).toEqual({
      timezone: 'Europe/Berlin',
      tiers: {
        starter: { prices: [{ price: 49_900_000_000n, from: null }], budget: 8_500_000_000n, target: 7250 },
        scale: {
          prices: [
            { price: 1_000_000_000_000n, from: null },
            { price: 1_200_000_000_000n, from: Date.parse('2026-11-30T23:00Z') },
          ],
          budget: null,
          target: null,
        },
      },
      customers: [
        {
          id: '007',
          tier: 'starter',
          from: Date.parse('2025-12-31T23:00Z'),
          to: Date.parse('2026-02-28T23:00Z'),
          price: null,
          trialUntil: null,
        },
        {
          id: '007',
          tier: 'scale',
          from: Date.parse('2026-02-28T23:00Z'),
          to: null,
          price: 899_990_000_000n,
          trialUntil: Date.parse('2026-03-31T22:00Z'),
        },
        { id: 'no', tier: 'starter', from: null, to: null, price: null, trialUntil: null },
      ],
      roster: { file: resolve('lists/customers.csv'), litellm: false, traffic: false },
      apiKeys: {
        'acme-backend': { customer: '007', tier: null, user: 'backend', agent: null, environment: 'production' },
        nightly: { customer: null, tier: 'scale', user: null, agent: 'crawler', environment: null },
      },
      prices: {
        profile: 'development',
        overrides: [
          { model: 'llama-3-*', provider: null, from: null, to: null, perMillion: { input: 0n, output: 0n } },
          {
            model: 'gpt-4o',
            provider: 'openai',
            from: Date.parse('2026-01-31T23:00Z'),
            to: Date.parse('2026-04-30T22:00Z'),
            perMillion: { input: 2_500_000_000n, cache_read: 1_250_000_000n, output: 10_000_000_000n },
          },
        ],
      },
      sources: {
        litellm: {
          push: false,
          poll: {
            url: 'https://gateway.example/litellm',
            key: 'sk',
            everyMs: 60_000,
            lagMs: 90_000,
            backfillMs: 14 * 86_400_000,
            directoryMs: 600_000,
            pageSize: 500,
            timeoutMs: 5000,
          },
        },
        docker: {
          url: 'http://socket-proxy:2375',
          project: 'shop',
          everyMs: 30_000,
          recordMs: 60_000,
          timeoutMs: 2000,
        },
        langfuse: [
          {
            name: 'main',
            url: 'https://cloud.langfuse.com',
            publicKey: 'r',
            secretKey: 'i',
            adminKey: null,
            role: 'reconcile',
            events: false,
            everyMs: 30_000,
            windowMs: 1_800_000,
            settleMs: 900_000,
            backfillMs: 31 * 86_400_000,
            metricsEveryMs: 3_600_000,
            timeoutMs: 60_000,
          },
          {
            name: 'own',
            url: 'http://langfuse:3000',
            publicKey: 'r',
            secretKey: 'g',
            adminKey: 'a',
            role: 'spend',
            events: true,
            everyMs: 10_000,
            windowMs: 3_600_000,
            settleMs: 300_000,
            backfillMs: 0,
            metricsEveryMs: 6 * 3_600_000,
            timeoutMs: 35_000,
          },
        ],
      },
      rates: {
        containers: [
          { from: null, cpu: 31_000_000n, memory: 4_200_000n, network: 85_000_000n },
          { from: Date.parse('2026-11-30T23:00Z'), cpu: 30_000_000n, memory: 0n, network: null },
        ],
      },
      margin: { allocate: 'model_cost', keep: ['grafana', 'no'] },
      server: {
        host: '0.0.0.0',
        port: 0,
        keys: { reader: 'r', ingest: 'i', gateway: 'g', admin: 'a' },
        bodyLimitBytes: 2 ** 20,
      },
      metrics: { customers: 0, customerIdleMs: 12 * 3_600_000 },
      ledger: { retentionMs: null, dedupeWindowMs: 7 * 86_400_000 },
      sessions: { idleMs: 45 * 60_000 },
    })
    expect(attribution.customer).toEqual([
      { in: 'metadata', name: 'customer_id' },
      { in: 'header', name: 'x-customer-id' },
    ])
    expect(attribution.tools).toEqual([])
    expect(attribution.tier).toEqual(fixture('empty.yaml').attribution.tier)
  })

  test('that describes a gateway is taken at its word, with the names of variables and not what they hold', () => {
    const { gateway } = fixture('full.yaml')
    const plain = {
      apiBase: null,
      apiKey: null,
      apiVersion: null,
      awsRegion: null,
      vertexProject: null,
      vertexLocation: null,
    }
    expect(gateway).toEqual({
      models: {
        'gpt-4o': {
          ...plain,
          model: 'azure/gpt-4o-eu',
          mode: 'chat',
          apiBase: 'https://acme.openai.azure.com',
          apiKey: 'AZURE_API_KEY',
          apiVersion: '2024-10-21',
        },
        on: {
          ...plain,
          model: 'bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0',
          mode: 'chat',
          awsRegion: 'eu-central-1',
        },
        gemini: {
          ...plain,
          model: 'vertex_ai/gemini-2.5-pro',
          mode: 'chat',
          vertexProject: 'acme',
          vertexLocation: 'europe-west4',
        },
        local: { ...plain, model: 'hosted_vllm/qwen3-32b', mode: 'chat', apiBase: 'http://127.0.0.1:8000/v1' },
        embeddings: { ...plain, model: 'openai/text-embedding-3-large', mode: 'embedding', apiKey: 'OPENAI_API_KEY' },
      },
      fallbacks: { 'gpt-4o': ['on', 'gemini'], on: ['gemini'] },
      retries: 0,
      timeoutMs: 90_000,
      cache: 'redis',
      cacheTtlMs: 3_600_000,
      redisUrl: 'CACHE_URL',
      langfuse: { host: 'https://langfuse.example', publicKey: 'LF_PUBLIC', secretKey: 'LANGFUSE_SECRET_KEY' },
      prometheus: true,
      masterKey: 'GATEWAY_MASTER_KEY',
      databaseUrl: 'GATEWAY_DATABASE_URL',
    })
    expect(Object.keys(gateway?.models ?? {})).toEqual(['gpt-4o', 'on', 'gemini', 'local', 'embeddings'])
    expect(gateway?.models.constructor).toBeUndefined()
  })

  test('that describes a gateway by its models alone gets the rest by default', () => {
    const text = 'gateway: { models: { m: { model: openai/m } }, fallbacks: }'
    const { models, ...rest } = good(text).gateway ?? { models: {} }
    expect(Object.keys(models)).toEqual(['m'])
    expect(rest).toEqual({
      fallbacks: {},
      retries: 2,
      timeoutMs: 600_000,
      cache: 'off',
      cacheTtlMs: 600_000,
      redisUrl: 'REDIS_URL',
      langfuse: null,
      prometheus: false,
      masterKey: 'LITELLM_MASTER_KEY',
      databaseUrl: 'DATABASE_URL',
    })
  })

  test('keeps the order of its tiers', () => {
    expect(Object.keys(good('tiers: { zeta: { price_usd: 1 }, alpha: { price_usd: 2 } }').tiers)).toEqual([
      'zeta',
      'alpha',
    ])
  })

  test('gets the other defaults of a block in which it names one key', () => {
    expect(good('server: { port: 1 }').server).toMatchObject({ host: '127.0.0.1', port: 1, bodyLimitBytes: 16_000_000 })
    const poll = `sources: { litellm: { poll: { url: "http://g", key: "\${LITELLM_KEY}" } } }`
    expect(good(poll).sources.litellm).toEqual({
      push: true,
      poll: {
        url: 'http://g',
        key: 'sk',
        everyMs: 30_000,
        lagMs: 120_000,
        backfillMs: 31 * 86_400_000,
        directoryMs: 300_000,
        pageSize: 200,
        timeoutMs: 30_000,
      },
    })
  })

  test('that names a Docker engine gets the rest by default, and may say where it is in the words of Docker', () => {
    const docker = (text: string) => good(`sources: { docker: ${text} }`).sources.docker
    const rest = { project: null, everyMs: 15_000, recordMs: 300_000, timeoutMs: 10_000 }
    expect(docker('{}')).toEqual({ url: 'unix:///var/run/docker.sock', ...rest })
    const url = (text: string) => docker(`{ url: "${text}" }`)?.url
    expect(url('unix:///run/user/1000/docker.sock')).toBe('unix:///run/user/1000/docker.sock')
    expect(url('tcp://10.0.0.5')).toBe('http://10.0.0.5:2375')
    expect(url('tcp://proxy:80/')).toBe('http://proxy')
    expect(url('https://proxy.example/docker/')).toBe('https://proxy.example/docker')
  })

  test('may give rates without dates as one block', () => {
    const rate = { from: null, cpu: 31_000_000n, memory: null, network: null }
    expect(good('rates: { containers: { cpu_usd_per_hour: 0.031 } }').rates.containers).toEqual([rate])
  })

  test('has money by its decimal text, without the rounding of a float', () => {
    const price = (text: string) => good(`tiers: { t: { price_usd: ${text} } }`).tiers.t?.prices[0]?.price
    expect(price('0.1')).toBe(100_000_000n)
    expect(price('9007199.254740993')).toBe(9_007_199_254_740_993n)
    expect(price('49.90000000000000')).toBe(49_900_000_000n)
    expect(price('"49"')).toBe(49_000_000_000n)
  })

  test('reads the same after a byte order mark and with Windows line ends', () => {
    const text = 'tiers:\n  t:\n    price_usd: 49\n'
    expect(good(`\uFEFF${text.replaceAll('\n', '\r\n')}`)).toEqual(good(text))
  })

  test('lets what is read from anchors stand in several places', () => {
    const policy = fixture('anchors.yaml')
    const tier = { prices: [{ price: 10_000_000_000n, from: null }], budget: null, target: null }
    expect(policy.tiers).toEqual({ small: tier, large: tier })
    expect(policy.attribution.user).toEqual(policy.attribution.customer)
  })
})

describe('the shipped marginwatch.yaml', () => {
  test('is a policy without any environment, on loopback, with push and without poll', () => {
    const { server, sources } = shipped()
    const keys = { reader: null, ingest: null, gateway: null, admin: null }
    expect(server).toMatchObject({ host: '127.0.0.1', port: 9464, keys })
    expect(sources.litellm).toEqual({ push: true, poll: null })
  })

  test('has the three tiers at $49, $99 and $199, with $8, $18 and $35 of model spend', () => {
    expect(shipped().tiers).toEqual({
      tier_1: plan(49_000_000_000n, 8_000_000_000n),
      tier_2: plan(99_000_000_000n, 18_000_000_000n),
      tier_3: plan(199_000_000_000n, 35_000_000_000n),
    })
  })

  test('limits beyond the defaults only unknown customers together, and writes out what it says anyway', () => {
    const { budgets } = shipped()
    const { limit, ...ladder } = budgets.unknownCustomers ?? { limit: null }
    expect(limit).toBe(100_000_000_000n)
    expect(ladder).toEqual(budgets.customer)
    expect({ ...budgets, unknownCustomers: null }).toEqual(fixture('empty.yaml').budgets)
  })

  test('degrades and routes to models of its gateway', () => {
    const { degrade, routes } = shipped()
    expect(degrade).toEqual([
      { from: 'gpt-4o', to: 'gpt-4o-mini' },
      { from: 'claude-sonnet', to: 'claude-haiku' },
      { from: 'gemini-pro', to: 'gemini-flash' },
    ])
    expect(routes?.otherwise).toEqual({ model: 'gpt-4o-mini', expected: null })
    expect(routes?.byQueryType).toEqual({
      simple_lookup: { model: 'gemini-flash', expected: [1_000_000n, 5_000_000n] },
      cost_analysis: { model: 'gemini-pro', expected: [10_000_000n, 50_000_000n] },
      recommendation: { model: 'claude-sonnet', expected: [50_000_000n, 200_000_000n] },
    })
  })

  test('describes a gateway with models of three providers, each with a fallback of another', () => {
    const { models = {}, fallbacks = {}, cache, langfuse, prometheus } = shipped().gateway ?? {}
    const provider = (name: string | undefined) => models[name ?? '']?.model.split('/')[0]
    expect(new Set(Object.keys(models).map(provider))).toEqual(new Set(['openai', 'anthropic', 'gemini']))
    expect(Object.keys(fallbacks).length).toBeGreaterThan(0)
    for (const [from, to] of Object.entries(fallbacks)) expect(provider(to[0])).not.toBe(provider(from))
    expect({ cache, langfuse, prometheus }).toEqual({ cache: 'off', langfuse: null, prometheus: false })
  })

  test('is right in its commented examples too', () => {
    const text = readFileSync(new URL('../../../marginwatch.yaml', import.meta.url), 'utf8')
    const examples = text.replace(/^( *)# ?(?=( *)(- \{|[\w-]+:( |$)))/gm, '$1')
    const env = {
      LITELLM_KEY: 'k',
      MARGINWATCH_READER_KEY: 'k',
      MARGINWATCH_INGEST_KEY: 'k',
      MARGINWATCH_GATEWAY_KEY: 'k',
      MARGINWATCH_ADMIN_KEY: 'k',
      LANGFUSE_PUBLIC_KEY: 'k',
      LANGFUSE_SECRET_KEY: 'k',
    }
    const policy = good(examples, env)
    expect(policy).toMatchObject({
      customers: [{ id: 'acme' }, { id: 'acme' }, { id: 'globex', price: 149_000_000_000n }],
      roster: { file: expect.stringMatching(/customers\.csv$/) },
      margin: { allocate: 'tokens', keep: ['grafana', 'prometheus'] },
      rates: { containers: [{ cpu: 31_000_000n, memory: 4_200_000n, network: 85_000_000n }] },
      sources: { langfuse: [{ name: 'main', role: 'reconcile' }], docker: { project: 'my-product' } },
    })
    expect(Object.keys(policy.apiKeys)).toEqual(['acme-backend'])
    expect(policy.prices.overrides).toHaveLength(1)
    expect(policy.sources.litellm.poll).not.toBeNull()
    expect(policy.server.keys).toEqual({ reader: 'k', ingest: 'k', gateway: 'k', admin: 'k' })
    expect(Object.keys(policy.budgets.customers)).toEqual(['acme'])
    expect(policy.gateway).toMatchObject({ langfuse: { host: 'https://cloud.langfuse.com' }, prometheus: true })
    expect(Object.keys(policy.gateway?.models ?? {})).toContain('local')
  })
})

describe('a policy', () => {
  test('cannot be changed, at any depth', () => {
    const policy = fixture('full.yaml')
    const loose: string[] = []
    const visit = (value: unknown, path: string) => {
      if (typeof value !== 'object' || value === null) return
      if (!Object.isFrozen(value)) loose.push(path)
      for (const [key, inner] of Object.entries(value)) visit(inner, `${path}.${key}`)
    }
    visit(policy, 'policy')
    expect(loose).toEqual([])
  })

  test('has nothing by the name of something that every object has', () => {
    const { tiers, apiKeys, budgets, routes } = fixture('full.yaml')
    const { customers, agents, tiers: ofTiers } = budgets
    for (const record of [tiers, apiKeys, customers, agents, ofTiers, routes?.byQueryType])
      for (const name of ['constructor', 'toString', '__proto__']) expect(record?.[name]).toBeUndefined()
  })

  test('of defaults looks in tags and in metadata for every name that applications use without configuration', () => {
    const { attribution } = fixture('empty.yaml')
    const names = {
      customer: 'customer_id',
      tier: 'plan_tier',
      user: 'user_id',
      session: 'session_id',
      agent: 'agent_id',
      trace: 'trace_id',
      operation: 'operation',
      query_type: 'query_type',
      model_used: 'model_used',
      environment: 'environment',
      project: 'gcp_project',
      prompt_name: 'prompt_name',
      prompt_version: 'prompt_version',
      tools: 'tools_invoked',
    } as const
    for (const [attribute, name] of Object.entries(names)) {
      const places = attribution[attribute as keyof typeof names]
      expect(places).toContainEqual({ in: 'tag', name })
      expect(places).toContainEqual({ in: 'metadata', name })
    }
    expect(Object.keys(attribution)).toEqual([...ATTRIBUTES])
  })

  test('takes its price profile from COST_TRACKING_TIER when that is set', () => {
    const profile = (tier: string) =>
      good('prices: { profile: production }', { COST_TRACKING_TIER: tier }).prices.profile
    expect(profile('development')).toBe('development')
    expect(profile('')).toBe('production')
    expect(good('prices: { profile: development }', { COST_TRACKING_TIER: 'production' }).prices.profile).toBe(
      'production',
    )
    const { problems } = readPolicy('prices:\n  profile: production\n', {
      file: 'f',
      env: { COST_TRACKING_TIER: 'prod' },
    })
    expect(problems).toEqual([
      {
        file: 'f',
        line: 2,
        column: 12,
        path: 'prices.profile',
        message:
          'the environment variable COST_TRACKING_TIER stands above this: found "prod", expected production or development',
      },
    ])
  })
})
