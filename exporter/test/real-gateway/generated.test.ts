import { fileURLToPath } from 'node:url'
import { startUpstream, type Upstream } from '@marginwatch/sandbox'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { gatewayConfig } from '../../src/gateway/config.ts'
import { readPolicy } from '../../src/policy/read.ts'
import { createDirectory, type LitellmDirectory } from '../../src/sources/litellm/directory.ts'
import { DirectoryPoll } from '../../src/sources/litellm/directory-poll.ts'
import { eventually } from '../support/eventually.ts'
import { describeWithFixture } from '../support/fixture.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'
import { policyWith, World } from '../support/world.ts'

const HOOK = fileURLToPath(new URL('../../../gateway/marginwatch.py', import.meta.url))

/** The configuration that the generator writes, with each model on the upstream. */
function generated(upstream: string): string {
  const { policy, problems } = readPolicy(
    `gateway:
  models:
    gpt-4o: { model: openai/gpt-4o, api_base: "${upstream}/v1", api_key: "\${PROVIDER_KEY}" }
    broken: { model: openai/gpt-4o-mini, api_base: "${upstream}/upstream(status=500)/v1", api_key: "\${PROVIDER_KEY}" }
    claude: { model: anthropic/claude-sonnet-4-5-20250929, api_base: "${upstream}", api_key: "\${PROVIDER_KEY}" }
    "on": { model: openai/text-embedding-3-small, mode: embedding, api_base: "${upstream}/v1", api_key: "\${PROVIDER_KEY}" }
  fallbacks: { broken: [claude] }
  retries: 0
  timeout: 60s
  cache: memory
  prometheus: true
routes: { default: { model: broken } }
`,
    { file: 'policy', env: {} },
  )
  if (!policy?.gateway) throw new Error(JSON.stringify(problems))
  return gatewayConfig({ ...policy, gateway: policy.gateway }, { writeSeconds: 1 })
}

describeWithFixture('the real LiteLLM on the generated configuration', () => {
  let upstream: Upstream
  let gateway: RealGateway
  const world = new World()

  beforeAll(async () => {
    upstream = await startUpstream()
    gateway = await startRealGateway({
      config: generated(upstream.url),
      hooks: [HOOK],
      env: { PROVIDER_KEY: 'sk-upstream', MARGINWATCH_SPOOL: `${world.directory}/spool` },
    })
  })
  afterAll(async () => {
    await gateway?.close()
    await upstream?.close()
    world.remove()
  })

  const chat = (model: string, content: string) =>
    gateway.call('/v1/chat/completions', { model, user: 'acme', messages: [{ role: 'user', content }] })
  const get = async (path: string) => {
    const answer = await fetch(gateway.url + path, { headers: { authorization: `Bearer ${gateway.masterKey}` } })
    return answer.text()
  }

  it('ignores no name of it', () => {
    expect(gateway.logs()).not.toMatch(/is not a valid argument|Ignoring|Non-Blocking/)
  })

  it('has every model, by its name and mode', async () => {
    const { data } = JSON.parse(await get('/v1/model/info')) as {
      data: { model_name: string; model_info: { mode: string } }[]
    }
    expect(data.map(({ model_name, model_info }) => [model_name, model_info.mode])).toEqual([
      ['gpt-4o', 'chat'],
      ['broken', 'chat'],
      ['claude', 'chat'],
      ['on', 'embedding'],
      ['auto', 'chat'],
    ])
  })

  it('falls back to another provider, and answers the same question again from its cache', async () => {
    await chat('broken', 'One')
    expect(upstream.served().map(({ path }) => path)).toContain('/v1/messages')
    const before = upstream.served().length
    await chat('gpt-4o', 'Two')
    await chat('gpt-4o', 'Two')
    expect(upstream.served().length).toBe(before + 1)
  })

  it('answers for auto as the route default does, by its fallback too', async () => {
    const before = upstream.served().length
    await chat('auto', 'Three')
    const asked = upstream.served().slice(before)
    expect(asked.map(({ path }) => path)).toEqual([expect.stringMatching(/\/chat\/completions$/), '/v1/messages'])
  })

  it('counts for Prometheus what was asked for, and no customer', async () => {
    const page = await eventually('a line of LiteLLM', async () => {
      const text = await get('/metrics/')
      return text.includes('litellm_spend_metric_total{') ? text : null
    })
    for (const name of [
      'litellm_proxy_total_requests_metric_total',
      'litellm_deployment_state',
      'litellm_deployment_successful_fallbacks_total',
      'litellm_overhead_latency_metric_count',
      'litellm_in_flight_requests',
    ])
      expect(page).toMatch(new RegExp(`^${name}[{ ]`, 'm'))
    expect(page).not.toMatch(/end_user=|acme|hashed_api_key=/)
  })

  it('shows customers, keys and budgets to the directory', async () => {
    await gateway.call('/budget/new', { budget_id: 'gold', max_budget: 12.5, budget_duration: '30d' })
    await gateway.call('/customer/new', { user_id: 'globex', alias: 'Globex', budget_id: 'gold' })
    await gateway.call('/key/generate', { key_alias: 'backend', metadata: { customer_id: 'globex' }, max_budget: 3 })
    const poll = { url: gateway.url, key: gateway.masterKey, everyMs: 1000, lagMs: 0, backfillMs: 0 }
    const times = { directoryMs: 10_000, pageSize: 100, timeoutMs: 600_000 }
    world.policy = policyWith({ sources: { litellm: { push: false, poll: { ...poll, ...times } } } })
    const directory = createDirectory()
    const close = new DirectoryPoll(directory, world.deps).open()
    try {
      await world.idle()
      expect(world.told).toEqual(['ok'])
      expect(world.note).toBeNull()
      expect(known(directory)).toEqual({
        customer: { id: 'globex', alias: 'Globex', budgetId: 'gold', limit: 12_500_000_000n, spend: 0n },
        key: { alias: 'backend', user: null, limit: 3_000_000_000n, metadata: { customer_id: 'globex' } },
        budget: { limit: 12_500_000_000n, duration: '30d', softLimit: null },
      })
      // Budgets begin with the zone's month.
      expect(new Date(directory.budgets().get('gold')?.resetsAt ?? 0).getUTCDate()).toBe(1)
    } finally {
      await close()
    }
  })
})

function known(directory: LitellmDirectory) {
  const { resetsAt: _, ...customer } = directory.customers().get('globex') ?? { resetsAt: null }
  const key = [...directory.keys().values()].find(({ alias }) => alias === 'backend')
  const { alias, user, limit, metadata } = key ?? {}
  const budget = directory.budgets().get('gold')
  return {
    customer,
    key: { alias, user, limit, metadata: { ...metadata } },
    budget: { limit: budget?.limit, duration: budget?.duration, softLimit: budget?.softLimit },
  }
}
