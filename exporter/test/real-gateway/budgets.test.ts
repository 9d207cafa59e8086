import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { startUpstream, type Upstream } from '@marginwatch/sandbox'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { askFor, budgetOf, tellEnd } from '../support/decisions.ts'
import { eventually } from '../support/eventually.ts'
import { type Exporter, startExporter } from '../support/exporter.ts'
import { describeWithFixture } from '../support/fixture.ts'
import { gatewayConfig } from '../support/gateway-config.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'

const HOOK = fileURLToPath(new URL('../../../gateway/marginwatch.py', import.meta.url))

const policy = (limits: string) => `
tiers: { tier_1: { price_usd: 49, budget_usd: 8 } }
customers: [{ id: spent, tier: tier_1 }]
degrade: { gpt-4o: gpt-4o-mini }
budgets:
  customers: { ${limits} }
  session: { limit_usd: 0.5, warn_usd: 0.3, tokens_per_minute: 20000, calls: 5 }
  agent: { limit_usd: 1 }
  messages: [{ for: customer, language: de, text: "Ihr Kontingent ist bis {reset_date} aufgebraucht." }]
gateway:
  models:
    gpt-4o: { model: openai/gpt-4o }
    gpt-4o-mini: { model: openai/gpt-4o-mini }
    claude: { model: anthropic/claude-sonnet-4-5-20250929 }
    gemini: { model: gemini/gemini-2.5-flash }
    embedding: { model: openai/text-embedding-3-small, mode: embedding }
  retries: 0
`
const LIMITS =
  'near: { limit_usd: 1 }, tight: { limit_usd: 0.02 }, raised: { limit_usd: 0.01 }, crowd: { limit_usd: 0.05 }, rich: { limit_usd: 1000 }'

describeWithFixture('Budgets through the real LiteLLM', () => {
  let upstream: Upstream
  let gateway: RealGateway
  let exporter: Exporter
  const url = () => exporter.program.url
  beforeAll(async () => {
    upstream = await startUpstream()
    exporter = await startExporter({ policy: policy(LIMITS) })
    gateway = await startRealGateway({
      config: gatewayConfig({ upstream: upstream.url, litellm: { callbacks: ['marginwatch.gateway'] } }),
      hooks: [HOOK],
      // What is promised of time is tested in gateway/test_marginwatch.py; here a busy machine must not matter.
      env: { MARGINWATCH_URL: url(), MARGINWATCH_DECISION_MS: '10000' },
    })
    await spend('near', 0.955)
    await spend('spent', 8)
  })
  afterAll(async () => {
    await gateway?.close()
    await exporter?.close()
    await upstream?.close()
  })

  async function spend(customer: string, usd: number) {
    await tellEnd(url(), { callId: randomUUID(), customer, usd })
    await eventually(`${customer} to have spent`, async () =>
      Number((await budgetOf(url(), 'customer', { customer })).spent_usd) >= usd ? true : null,
    )
  }
  const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${gateway.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${gateway.masterKey}`, ...headers },
      body: JSON.stringify(body),
    })
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  }
  const chat = (user: string, more: object = {}, content = 'Hello. upstream(input=20 output=10)') =>
    post('/v1/chat/completions', { model: 'gpt-4o', user, messages: [{ role: 'user', content }], ...more })

  it('is answered by the cheaper model past 95 %, and says so', async () => {
    const { status, headers, text } = await chat('near', { max_tokens: 50 })
    expect([status, text]).toEqual([200, expect.any(String)])
    expect(upstream.served().at(-1)).toMatchObject({ model: 'gpt-4o-mini', maxTokens: 50 })
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-marginwatch-action': 'degrade',
      'x-marginwatch-reason': 'customer',
      'x-marginwatch-model-asked': 'gpt-4o',
    })
  })

  const refused = { type: 'customer_budget_exceeded', code: '402' }
  it.each([
    ['a chat', '/v1/chat/completions', { messages: [{ role: 'user', content: 'Hello' }] }],
    ['a streamed chat', '/v1/chat/completions', { messages: [{ role: 'user', content: 'Hello' }], stream: true }],
    ['a response', '/v1/responses', { input: 'Hello' }],
  ])('reads our sentence in an OpenAI-shaped error at 100 %: %s', async (_name, path, body) => {
    const before = upstream.served().length
    const answer = await post(path, { model: 'gpt-4o', user: 'spent', ...body })
    expect(answer.status).toBe(402)
    const { error } = JSON.parse(answer.text) as { error: { message: string } }
    expect(error).toMatchObject(refused)
    expect(error.message).toMatch(
      /^You have used all that your plan includes for now\. It starts afresh on \w+ 1, \d+\.$/,
    )
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(answer.headers.get('x-marginwatch-action')).toBe('block')
    expect(upstream.served().length).toBe(before)
  })

  it('reads it in an Anthropic-shaped error on /v1/messages, and in the language of the caller', async () => {
    const question = {
      model: 'claude',
      max_tokens: 100,
      metadata: { user_id: 'spent' },
      messages: [{ role: 'user', content: 'Hello' }],
    }
    const answer = await post('/v1/messages', question, { 'accept-language': 'de-CH, en;q=0.5' })
    expect(answer.status).toBe(402)
    const body = JSON.parse(answer.text) as { error: { message: string } }
    expect(body).toMatchObject({
      type: 'error',
      error: { message: expect.stringMatching(/^Ihr Kontingent ist bis 1\. \w+ \d+ aufgebraucht\.$/) },
    })
  })

  it('bounds an answer by what is left, and never passes the limit', async () => {
    const long = 'Hello. upstream(input=20 output=100000)'
    let refusals = 0
    for (let n = 0; n < 12; n++) {
      const { status, text } = await chat('tight', {}, long)
      if (status === 402) refusals++
      else expect([status, text]).toEqual([200, expect.stringContaining('"finish_reason":"length"')])
    }
    expect(refusals).toBeGreaterThan(0)
    await eventually('everything to be settled', async () =>
      (await budgetOf(url(), 'customer', { customer: 'tight' })).held_usd === '0' ? true : null,
    )
    const { spent_usd } = await budgetOf(url(), 'customer', { customer: 'tight' })
    expect(Number(spent_usd)).toBeLessThanOrEqual(0.02)
    expect(Number(spent_usd)).toBeGreaterThan(0.019)
  })

  it('holds a limit against twenty callers at once', async () => {
    const ask = () => chat('crowd', {}, 'Hello. upstream(input=20 output=200)')
    let answered = 0
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, ask))
      answered += answers.filter(({ status }) => status === 200).length
    }
    await eventually('everything to be settled', async () =>
      (await budgetOf(url(), 'customer', { customer: 'crowd' })).held_usd === '0' ? true : null,
    )
    const { spent_usd } = await budgetOf(url(), 'customer', { customer: 'crowd' })
    expect(Number(spent_usd)).toBeLessThanOrEqual(0.05)
    // $0.00205 a call: nobody was refused while one more would have fitted for each who asked.
    expect(answered).toBeGreaterThan(20)
    expect(Number(spent_usd)).toBeGreaterThan(0.05 - 20 * 0.00205)
  })

  it('opens again at the next call when the limit is raised', async () => {
    await spend('raised', 0.01)
    expect((await chat('raised')).status).toBe(402)
    await exporter.write(policy(LIMITS.replace('raised: { limit_usd: 0.01 }', 'raised: { limit_usd: 1 }')))
    await eventually('the new limit', async () =>
      (await budgetOf(url(), 'customer', { customer: 'raised' })).limit_usd === '1' ? true : null,
    )
    expect((await chat('raised')).status).toBe(200)
  })

  it('stops a session at its number of calls, its tokens a minute and its cap', async () => {
    const inSession = (session: string, content?: string) =>
      chat('rich', { metadata: { session_id: session }, max_tokens: 50 }, content)
    for (let n = 0; n < 5; n++) expect((await inSession('many')).status).toBe(200)
    expect(await inSession('many')).toMatchObject({ status: 429, text: expect.stringContaining('session_call_limit') })

    expect((await inSession('fast', 'Hello. upstream(input=30000 output=10)')).status).toBe(200)
    await eventually('the minute to be full', async () => {
      const { status, headers, text } = await inSession('fast')
      if (status === 200) return null
      expect([status, text]).toEqual([429, expect.stringContaining('session_rate_limited')])
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
      return true
    })

    await tellEnd(url(), { callId: randomUUID(), customer: 'rich', session: 'dear', usd: 0.5 })
    await eventually('the session to be spent', async () => {
      const { status, text } = await inSession('dear')
      return status === 402 && text.includes('session_budget_exceeded') ? true : null
    })
  })

  it('refuses the calls of a paused agent, and no others', async () => {
    const answer = await fetch(`${url()}/api/admin/agents/nightly/pause`, { method: 'POST', body: '{"by":"ann"}' })
    expect(answer.status).toBe(200)
    const of = (agent: string) => chat('rich', { metadata: { agent_id: agent } })
    expect(await of('nightly')).toMatchObject({ status: 403, text: expect.stringContaining('agent_paused') })
    expect((await of('daily')).status).toBe(200)
  })

  it('counts a refused call as blocked, at no cost, and holds nothing for it', async () => {
    await eventually('the refused call in the ledger', async () => {
      const page = await (await fetch(`${url()}/metrics`)).text()
      return /llm_requests_total\{[^}]*status="blocked"[^}]*\} [1-9]/.test(page) ? true : null
    })
    expect((await budgetOf(url(), 'customer', { customer: 'spent' })).held_usd).toBe('0')
    expect((await askFor(url(), { customer: 'spent' })).body.action).toBe('block')
  })
})
