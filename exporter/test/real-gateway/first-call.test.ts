import { startUpstream, type Upstream } from '@marginwatch/sandbox'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type Exporter, startExporter } from '../support/exporter.ts'
import { describeWithFixture } from '../support/fixture.ts'
import { gatewayConfig } from '../support/gateway-config.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'
import { scrape, sumOf } from '../support/scrape.ts'
import { readLedger } from '../support/sql-truth.ts'

describeWithFixture('a call through the real LiteLLM', () => {
  let upstream: Upstream
  let gateway: RealGateway
  let exporter: Exporter
  beforeAll(async () => {
    upstream = await startUpstream()
    gateway = await startRealGateway({ config: gatewayConfig({ upstream: upstream.url }) })
    exporter = await startExporter({ poll: gateway })
  })
  afterAll(async () => {
    await exporter?.close()
    await gateway?.close()
    await upstream?.close()
  })

  it('is answered by the upstream, gets a row in the spend log, and is in the ledger at its cost', async () => {
    const content = 'Hello. upstream(input=1000 cache_read=200 output=300)'
    const question = { model: 'gpt-4o', user: 'acme', messages: [{ role: 'user', content }] }
    const answer = await gateway.call('/v1/chat/completions', question)
    expect(answer).toMatchObject({ usage: { prompt_tokens: 1200, completion_tokens: 300 } })
    expect(upstream.served()).toMatchObject([{ path: '/v1/chat/completions', model: 'gpt-4o', end: 'whole' }])

    const row = await eventually('a row of the spend log', async () => (await gateway.spendLog())[0] ?? null)
    // 1000 × $2.50 + 200 × $1.25 + 300 × $10, for a million each.
    expect(row).toMatchObject({ end_user: 'acme', prompt_tokens: 1200, completion_tokens: 300, spend: 0.00575 })

    const isAcmes = ({ customer }: Readonly<Record<string, string>>) => customer === 'acme'
    await eventually('the call on /metrics', async () => {
      const page = await scrape(exporter.program.url)
      return sumOf(page, 'llm_customer_requests_total', isAcmes) === 0n ? null : true
    })
    await exporter.program.stop()
    const [event, ...more] = await readLedger(exporter.data, (rows) =>
      rows('SELECT customer, model, status, cost, input, cache_read, output FROM usage_event'),
    )
    expect(more).toEqual([])
    expect(event).toMatchObject({ customer: 'acme', model: 'gpt-4o', status: 'success', cost: 5_750_000n })
    expect(event).toMatchObject({ input: 1000, cache_read: 200, output: 300 })
  })
})
