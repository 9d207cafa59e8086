import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { type Langfuse, startLangfuse, startUpstream, type Upstream } from '@marginwatch/sandbox'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { budgetOf, tellEnd } from '../support/decisions.ts'
import { eventually } from '../support/eventually.ts'
import { type Exporter, startExporter } from '../support/exporter.ts'
import { describeWithFixture } from '../support/fixture.ts'
import { gatewayConfig } from '../support/gateway-config.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'

const HOOK = fileURLToPath(new URL('../../../gateway/marginwatch.py', import.meta.url))

const POLICY = `
tiers: { tier_1: { price_usd: 49, budget_usd: 1 } }
customers: [{ id: near, tier: tier_1 }, { id: spent, tier: tier_1 }]
degrade: { gpt-4o: gpt-4o-mini }
`

describeWithFixture('Events on traces of the real LiteLLM', () => {
  let upstream: Upstream
  let langfuse: Langfuse
  let exporter: Exporter
  let gateway: RealGateway

  beforeAll(async () => {
    upstream = await startUpstream()
    langfuse = await startLangfuse()
    const { publicKey, secretKey } = langfuse.keys
    const env = { LANGFUSE_PUBLIC_KEY: publicKey, LANGFUSE_SECRET_KEY: secretKey }
    const keys = `public_key: "\${LANGFUSE_PUBLIC_KEY}", secret_key: "\${LANGFUSE_SECRET_KEY}"`
    exporter = await startExporter({
      policy: POLICY,
      sources: `langfuse: [{ url: "${langfuse.url}", ${keys}, backfill: 0s, events: on }]`,
      env,
    })
    gateway = await startRealGateway({
      config: gatewayConfig({
        upstream: upstream.url,
        litellm: { callbacks: ['marginwatch.gateway', 'langfuse_otel'] },
      }),
      hooks: [HOOK],
      env: {
        MARGINWATCH_URL: exporter.program.url,
        MARGINWATCH_DECISION_MS: '10000',
        LANGFUSE_OTEL_HOST: langfuse.url,
        ...env,
        OTEL_BSP_SCHEDULE_DELAY: '200',
      },
    })
    await spend('near', 0.955)
    await spend('spent', 1)
  })
  afterAll(async () => {
    await gateway?.close()
    await exporter?.close()
    await langfuse?.close()
    await upstream?.close()
  })

  async function spend(customer: string, usd: number) {
    const { url } = exporter.program
    await tellEnd(url, { callId: randomUUID(), customer, usd })
    await eventually(`${customer} to have spent`, async () =>
      Number((await budgetOf(url, 'customer', { customer })).spent_usd) >= usd ? true : null,
    )
  }

  /** Makes a call, and returns the event of its decision with what LiteLLM's own callback wrote of it. */
  async function rowsOf(user: string, headers: Readonly<Record<string, string>> = {}) {
    const before = new Set(langfuse.rows().map(({ id }) => id))
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${gateway.masterKey}`, ...headers },
      body: JSON.stringify({
        model: 'gpt-4o',
        user,
        max_tokens: 50,
        messages: [{ role: 'user', content: 'Hello. upstream(input=20 output=10)' }],
      }),
    })
    await answer.text()
    const fresh = () => langfuse.rows().filter(({ id }) => !before.has(id))
    return eventually(`the rows of ${user}`, () => {
      const event = fresh().find(({ type }) => type === 'EVENT')
      const call = fresh().find(({ name }) => name === 'litellm_request')
      return event && call ? { status: answer.status, event, call } : null
    })
  }

  it.each([
    ['a call that another model answers', 'near', 200, 'marginwatch.degrade'],
    ['a call that is refused', 'spent', 402, 'marginwatch.block'],
  ])('%s lies on one trace with its event', async (_what, user, expected, name) => {
    const { status, event, call } = await rowsOf(user)
    expect(status).toBe(expected)
    expect(event).toMatchObject({ name, userId: user, level: 'WARNING' })
    expect(call.traceId).toBe(event.traceId)
    expect(call.metadata.marginwatch_call_id).toBe(event.metadata.marginwatch_call_id)
  })

  it.each([
    ['near', 200],
    ['spent', 402],
  ])('both lie on the trace of the application that called (%s)', async (user, expected) => {
    const trace = randomUUID().replaceAll('-', '')
    const { status, event, call } = await rowsOf(user, { traceparent: `00-${trace}-b7ad6b7169203331-01` })
    expect(status).toBe(expected)
    expect([event.traceId, call.traceId]).toEqual([trace, trace])
    expect(event.parentObservationId).toBe('b7ad6b7169203331')
  })
})
