import { randomUUID } from 'node:crypto'
import { type Langfuse, startLangfuse } from '@marginwatch/sandbox'
import { afterEach, describe, expect, it } from 'vitest'
import { askFor, budgetOf, tellEnd } from '../support/decisions.ts'
import { eventually } from '../support/eventually.ts'
import { type Exporter, startExporter } from '../support/exporter.ts'
import { nanosOf, scrape } from '../support/scrape.ts'

let exporter: Exporter | null = null
let langfuse: Langfuse | null = null
afterEach(async () => {
  await exporter?.close()
  await langfuse?.close()
  exporter = langfuse = null
})

const POLICY = `
tiers: { tier_1: { price_usd: 49, budget_usd: 1 } }
customers: [{ id: acme, tier: tier_1 }, { id: globex, tier: tier_1 }]
degrade: { gpt-4o: gpt-4o-mini }
budgets: { session: { limit_usd: 100, warn_usd: 50, calls: 1 }, agent: { limit_usd: 1 } }
`

/** The program beside a Langfuse of which it also reads what is no gateway's call as spend. */
async function start(events = 'on'): Promise<{ url: string; langfuse: Langfuse }> {
  // What is written twice stands there twice for long.
  langfuse = await startLangfuse({ mergeMs: 3_600_000 })
  const { publicKey: LF_PUBLIC, secretKey: LF_SECRET } = langfuse.keys
  const keys = `public_key: "\${LF_PUBLIC}", secret_key: "\${LF_SECRET}"`
  exporter = await startExporter({
    policy: POLICY,
    sources: `langfuse: [{ url: "${langfuse.url}", ${keys}, role: spend, every: 1s, settle: 0s, backfill: 0s, events: ${events} }]`,
    env: { LF_PUBLIC, LF_SECRET },
  })
  const { url } = exporter.program
  await eventually('decisions', async () => ((await askFor(url, { customer: 'nobody' })).status === 200 ? true : null))
  return { url, langfuse }
}

async function spend(url: string, usd: number, who: { customer: string; agent?: string }): Promise<void> {
  const scope = who.agent === undefined ? 'customer' : 'agent'
  const spent = async () => Number((await budgetOf(url, scope, who)).spent_usd)
  const before = await spent()
  await tellEnd(url, { callId: randomUUID(), ...who, usd })
  await eventually('the spend to be known', async () => ((await spent()) > before ? true : null))
}

async function figure(
  url: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number | null> {
  const { families } = await scrape(url)
  const samples = families.find((family) => family.name === name)?.samples ?? []
  const found = samples.find((sample) =>
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )
  return found === undefined ? null : Number(nanosOf(found.value) / 1_000_000_000n)
}

const plain = (callId: string) => callId.replaceAll('-', '')

describe('Events on traces', () => {
  it('are one for each call that is degraded, blocked, rate limited or of a paused agent, and count as no call and no tool', async () => {
    const { url, langfuse } = await start()
    const trace = 'aaaabbbbccccddddaaaabbbbccccdddd'
    const traceparent = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
    await spend(url, 0.955, { customer: 'acme' })
    const degraded = await askFor(url, { customer: 'acme', maxTokens: 100, session: 'chat-1' })
    expect(degraded.body).toMatchObject({ action: 'degrade' })
    expect(degraded.body.traceparent).toMatch(new RegExp(`^00-${plain(degraded.callId)}-[0-9a-f]{16}-01$`))
    const again = await askFor(url, { customer: 'acme', maxTokens: 100, session: 'chat-1', callId: degraded.callId })
    expect(again.body).toEqual(degraded.body)
    await spend(url, 0.045, { customer: 'acme' })
    const blocked = await askFor(url, { customer: 'acme', maxTokens: 100, trace })
    expect(blocked.body).toMatchObject({ refusal: { status: 402 } })
    await askFor(url, { customer: 'acme', maxTokens: 100, trace, callId: blocked.callId })
    await askFor(url, { customer: 'globex', maxTokens: 10, session: 'busy' })
    const limited = await askFor(url, { customer: 'globex', maxTokens: 10, session: 'busy', traceparent })
    expect(limited.body).toMatchObject({ refusal: { status: 429 } })
    expect(limited.body).not.toHaveProperty('traceparent')
    await spend(url, 1.2, { customer: 'rich', agent: 'nightly' })
    const paused = await eventually('the pause', async () => {
      const answer = await askFor(url, { customer: 'rich', agent: 'nightly', maxTokens: 10 })
      return answer.body.refusal?.type === 'agent_paused' ? answer : null
    })
    const wanted = [degraded, blocked, limited, paused].map(({ callId }) => callId)
    const rowsOf = (callId: string) => langfuse.rows().filter(({ metadata }) => metadata.marginwatch_call_id === callId)
    await eventually('the events', () => (wanted.every((callId) => rowsOf(callId).length > 0) ? true : null))
    expect(wanted.map((callId) => rowsOf(callId).length)).toEqual([1, 1, 1, 1])
    const [first, second, third, fourth] = wanted.map((callId) => rowsOf(callId)[0])
    const event = { type: 'EVENT', level: 'WARNING', model: '', cost: {}, usage: {} }
    expect(first).toMatchObject({
      ...event,
      name: 'marginwatch.degrade',
      id: degraded.body.traceparent?.slice(36, 52),
      traceId: plain(degraded.callId),
      userId: 'acme',
      sessionId: 'chat-1',
      statusMessage: expect.stringMatching(
        /^Moved to a cheaper model \(gpt-4o asked, gpt-4o-mini answers\): budget customer of a month/,
      ),
      metadata: {
        action: 'degrade',
        reason: 'customer',
        tier: 'tier_1',
        model_asked: 'gpt-4o',
        model: 'gpt-4o-mini',
        spent_usd: '0.955',
        limit_usd: '1',
      },
    })
    expect(second).toMatchObject({
      ...event,
      name: 'marginwatch.block',
      traceId: trace,
      metadata: { action: 'block', reason: 'customer', status: '402', spent_usd: '1', limit_usd: '1' },
    })
    expect(third).toMatchObject({
      ...event,
      traceId: '1'.repeat(32),
      parentObservationId: '2'.repeat(16),
      sessionId: 'busy',
      metadata: { reason: 'session_calls', status: '429', rule: 'budgets.session.calls 1' },
    })
    expect(fourth).toMatchObject({
      ...event,
      traceId: plain(paused.callId),
      metadata: { reason: 'agent_paused', status: '403', agent: 'nightly', rule: 'the agent is paused' },
    })
    // What was written comes back, and is a step on the way.
    await eventually('the events to be read back', async () =>
      (await figure(url, 'marginwatch_events_total', { source: 'langfuse', result: 'observed' })) ===
      langfuse.rows().length
        ? true
        : null,
    )
    const written = langfuse.rows().length
    langfuse.put({ id: 'run', type: 'TOOL', name: 'search', start: Date.now() })
    await eventually('a run of a tool', () => figure(url, 'llm_tool_calls_total'))
    const { text } = await scrape(url)
    expect(text.match(/^llm_tool_calls.*/gm)).toEqual(['llm_tool_calls_total{tool="search",status="success"} 1'])
    expect(text).not.toMatch(/^marginwatch_events_total\{source="langfuse",result="(accepted|refused)"\} [1-9]/m)
    expect(text).toContain(`marginwatch_trace_events_total{result="sent"} ${written}\n`)
    expect(text).toContain('marginwatch_trace_events_total{result="dropped"} 0\n')
  })

  it('do not keep decisions waiting while Langfuse is away, and arrive afterwards, as many as fit', async () => {
    const { url, langfuse } = await start()
    await spend(url, 1, { customer: 'acme' })
    await langfuse.down()
    const calls = 2_100
    for (let from = 0; from < calls; from += 50) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => askFor(url, { customer: 'acme', maxTokens: 10 })),
      )
      expect(answers.every(({ body }) => body.action === 'block')).toBe(true)
    }
    await eventually('the others to be dropped', async () =>
      (await figure(url, 'marginwatch_trace_events_total', { result: 'dropped' })) === calls - 2_000 ? true : null,
    )
    expect(exporter?.program.output().match(/events for traces are dropped/g)).toHaveLength(1)
    await langfuse.up()
    await eventually('the events', () => (langfuse.rows().length >= 2_000 ? true : null))
    expect(new Set(langfuse.rows().map(({ id }) => id)).size).toBe(2_000)
    await eventually('their count', async () =>
      (await figure(url, 'marginwatch_trace_events_total', { result: 'sent' })) === 2_000 ? true : null,
    )
  })

  it('that wait are written when the program ends', async () => {
    const { url, langfuse } = await start()
    await spend(url, 1, { customer: 'acme' })
    langfuse.set({ fault: { kind: 'error', status: 503, path: '/otel/v1/traces' } })
    const { callId } = await askFor(url, { customer: 'acme', maxTokens: 10 })
    // The next try by itself would be seconds away.
    await eventually('some tries', () => ((langfuse.stats().requests['/otel/v1/traces'] ?? 0) >= 4 ? true : null))
    langfuse.set({ fault: null })
    expect(await exporter?.program.stop()).toBe(0)
    expect(langfuse.rows().map(({ metadata }) => metadata.marginwatch_call_id)).toContain(callId)
  })

  it('that nobody takes do not keep the program from ending, and are said to be gone', async () => {
    const { url, langfuse } = await start()
    await spend(url, 1, { customer: 'acme' })
    langfuse.set({ fault: { kind: 'error', status: 503, path: '/otel/v1/traces' } })
    await askFor(url, { customer: 'acme', maxTokens: 10 })
    await eventually('a try', () => ((langfuse.stats().requests['/otel/v1/traces'] ?? 0) >= 1 ? true : null))
    expect(await exporter?.program.stop()).toBe(0)
    expect(exporter?.program.output()).toContain('events for traces are dropped')
    expect(langfuse.rows()).toEqual([])
  })

  it('are not written where nobody asked for them', async () => {
    const { url, langfuse } = await start('off')
    await spend(url, 1, { customer: 'acme' })
    const { body } = await askFor(url, { customer: 'acme', maxTokens: 10 })
    expect(body).toMatchObject({ action: 'block' })
    expect(body).not.toHaveProperty('traceparent')
    expect(await figure(url, 'marginwatch_trace_events_total')).toBe(null)
    expect(await exporter?.program.stop()).toBe(0)
    expect(langfuse.stats().requests).not.toHaveProperty('/otel/v1/traces')
  })
})
