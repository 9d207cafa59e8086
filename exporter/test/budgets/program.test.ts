import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { askFor, budgetOf, explain, post, tellEnd } from '../support/decisions.ts'
import { eventually } from '../support/eventually.ts'
import { type Exporter, type ExporterOptions, startExporter } from '../support/exporter.ts'

let exporter: Exporter | null = null

afterEach(async () => {
  await exporter?.close()
  exporter = null
})

const policy = (budget: string, more = '') => `
tiers: { tier_1: { price_usd: 49, budget_usd: ${budget} } }
customers: [{ id: acme, tier: tier_1 }]
degrade: { gpt-4o: gpt-4o-mini }
${more}`

async function start(blocks: string, options: ExporterOptions = {}): Promise<string> {
  exporter = await startExporter({ policy: blocks, ...options })
  return ready(exporter.program.url)
}

async function ready(url: string): Promise<string> {
  await eventually('decisions', async () => {
    const answer = await fetch(`${url}/v1/decisions/explain?model=gpt-4o`)
    return answer.ok ? true : null
  })
  return url
}

async function spend(url: string, usd: number, customer = 'acme'): Promise<void> {
  const before = Number((await budgetOf(url, 'customer', { customer })).spent_usd)
  await tellEnd(url, { callId: randomUUID(), customer, usd })
  await eventually('the spend to be known', async () => {
    const { spent_usd } = await budgetOf(url, 'customer', { customer })
    return Number(spent_usd) > before ? true : null
  })
}

describe('The running program', () => {
  it('allows, moves to the cheaper model past 95 %, and refuses with the words for the end user at 100 %', async () => {
    const url = await start(policy('1'))
    expect((await askFor(url, { customer: 'acme', maxTokens: 100 })).body).toMatchObject({
      action: 'allow',
      reason: 'ok',
    })
    await spend(url, 0.955)
    expect((await askFor(url, { customer: 'acme', maxTokens: 100 })).body).toMatchObject({
      action: 'degrade',
      reason: 'customer',
      model: 'gpt-4o-mini',
    })
    await spend(url, 0.045)
    const { body } = await askFor(url, { customer: 'acme', maxTokens: 100 })
    expect(body).toMatchObject({
      action: 'block',
      reason: 'customer',
      refusal: { status: 402, type: 'customer_budget_exceeded' },
      remember: { when: ['end_user=acme'], scope: 'customer' },
    })
    expect(body.refusal?.message).toMatch(/^You have used all that your plan includes for now\. It starts afresh on /)
    expect(body.refusal?.message).not.toMatch(/\$|\d\.\d/)
    expect(body.refusal?.retry_after).toBeGreaterThan(0)
  })

  it('opens again at once when the limit is raised', async () => {
    const url = await start(policy('1'))
    await spend(url, 1)
    expect((await askFor(url, { customer: 'acme' })).body.action).toBe('block')
    await exporter?.write(policy('2'))
    await eventually('the new limit', async () =>
      (await budgetOf(url, 'customer', { customer: 'acme' })).limit_usd === '2' ? true : null,
    )
    expect((await askFor(url, { customer: 'acme' })).body.action).toBe('allow')
  })

  it('forgets no hold when it is killed, and settles it when the call is heard of', async () => {
    let url = await start(policy('1'))
    const asked = await askFor(url, { customer: 'acme', maxTokens: 1_000 })
    expect(asked.body.action).toBe('allow')
    const { held_usd } = await budgetOf(url, 'customer', { customer: 'acme' })
    expect(Number(held_usd)).toBeGreaterThan(0)
    await exporter?.restart()
    url = await ready(exporter?.program.url ?? '')
    expect(await budgetOf(url, 'customer', { customer: 'acme' })).toMatchObject({ held_usd, in_flight: 1 })
    await tellEnd(url, { callId: asked.callId, customer: 'acme', usd: 0.005 })
    await eventually('the hold to be settled', async () => {
      const { held_usd: held, spent_usd } = await budgetOf(url, 'customer', { customer: 'acme' })
      return held === '0' && spent_usd === '0.005' ? true : null
    })
  })

  it('settles after a restart what ended while it was away from deciding', async () => {
    let url = await start(policy('1'))
    const asked = await askFor(url, { customer: 'acme', maxTokens: 1_000 })
    await tellEnd(url, { callId: asked.callId, customer: 'acme', usd: 0.005 })
    await exporter?.restart()
    url = await ready(exporter?.program.url ?? '')
    expect(await budgetOf(url, 'customer', { customer: 'acme' })).toMatchObject({ held_usd: '0', spent_usd: '0.005' })
  })

  it('releases what a failed call held', async () => {
    const url = await start(policy('1'))
    const asked = await askFor(url, { customer: 'acme', maxTokens: 1_000 })
    await tellEnd(url, { callId: asked.callId, customer: 'acme', usd: 0, status: 'failure' })
    await eventually('the hold to be released', async () =>
      (await budgetOf(url, 'customer', { customer: 'acme' })).held_usd === '0' ? true : null,
    )
  })

  it('caps a session by cost, by calls and by tokens a minute', async () => {
    const url = await start(
      policy('100', 'budgets: { session: { limit_usd: 0.5, warn_usd: 0.3, tokens_per_minute: 5000, calls: 3 } }'),
    )
    const ask = (session: string, inputTokens = 10) =>
      askFor(url, { customer: 'acme', session, inputTokens, maxTokens: 10 })
    for (let n = 0; n < 3; n++) expect((await ask('many')).body.action).toBe('allow')
    expect((await ask('many')).body).toMatchObject({
      action: 'block',
      refusal: { status: 429, type: 'session_call_limit' },
    })

    // Larger than the whole minute: it passes, for the window is empty.
    expect((await ask('fast', 6_000)).body.action).toBe('allow')
    const { body } = await ask('fast', 100)
    expect(body).toMatchObject({ action: 'block', refusal: { status: 429, type: 'session_rate_limited' } })
    expect(body.refusal?.retry_after).toBeGreaterThan(50)
    expect(body.refusal?.retry_after).toBeLessThanOrEqual(60)

    const dear = await ask('dear')
    await tellEnd(url, { callId: dear.callId, customer: 'acme', session: 'dear', usd: 0.5 })
    await eventually('the session to be spent', async () =>
      (await ask('dear')).body.refusal?.type === 'session_budget_exceeded' ? true : null,
    )
  })

  it('pauses an agent at 110 % of its budget, until a person resumes it and raises the budget', async () => {
    const url = await start(policy('100', 'budgets: { agent: { limit_usd: 1 } }'))
    const ask = () => askFor(url, { customer: 'acme', agent: 'nightly', maxTokens: 100 })
    await tellEnd(url, { callId: randomUUID(), customer: 'acme', agent: 'nightly', usd: 1.05 })
    await eventually('the spend', async () =>
      (await budgetOf(url, 'agent', { customer: 'acme', agent: 'nightly' })).spent_usd === '1.05' ? true : null,
    )
    expect((await ask()).body.action).toBe('allow')
    await tellEnd(url, { callId: randomUUID(), customer: 'acme', agent: 'nightly', usd: 0.05 })
    await eventually('the pause', async () => ((await ask()).body.refusal?.type === 'agent_paused' ? true : null))
    const admin = async (path: string, body: object) => {
      const answer = await fetch(`${url}/api/admin/agents/nightly/${path}`, {
        method: 'POST',
        body: JSON.stringify(body),
      })
      return [answer.status, await answer.json()]
    }
    expect(await admin('unpause', { by: 'ann', reason: 'looked at it' })).toMatchObject([
      200,
      { data: { is_active: true } },
    ])
    expect((await ask()).body.refusal?.type).toBe('agent_budget_exceeded')
    expect(await admin('budget', { max_monthly_cost_usd: 2 })).toMatchObject([200, { data: { budget_limit: 2 } }])
    expect((await ask()).body.action).toBe('allow')
    expect(await admin('budget/reset', {})).toMatchObject([200, { data: { current_cost: 0 } }])
    expect(await admin('budget', { max_monthly_cost_usd: 'lots' })).toMatchObject([400, { title: 'Not possible' }])
    expect(await admin('pause', { by: 'ann' })).toMatchObject([200, { data: { is_active: false } }])
    expect((await ask()).body.refusal?.type).toBe('agent_paused')
  })

  it('holds all unknown customers to one limit, and keeps nothing of those that only asked', async () => {
    const url = await start(policy('1', 'budgets: { unknown_customers: { limit_usd: 0.02 } }'))
    let refused = 0
    for (let n = 0; n < 200; n++) {
      const { body } = await askFor(url, { customer: `invented-${n}`, maxTokens: 100 })
      if (body.refusal) {
        refused++
        expect(body.refusal.type).toBe('unknown_customers_budget_exceeded')
      }
    }
    expect(refused).toBeGreaterThan(150)
    const { steps, decision } = await explain(url, { customer: 'invented-1', model: 'gpt-4o' })
    expect(decision.reason).toBe('unknown_customers')
    expect(steps.length).toBeGreaterThan(0)
    expect((await askFor(url, { customer: 'acme', maxTokens: 100 })).body.action).toBe('allow')
  })

  it('refuses what is no question with a clear answer each', async () => {
    const url = await start(policy('1'))
    expect(await post(url, 'no JSON')).toMatchObject({ status: 400 })
    expect(await post(url, '{}')).toMatchObject({ status: 400, body: { detail: 'version is absent, expected 1.' } })
    const good = { version: 1, call_id: randomUUID(), model: 'gpt-4o', record: {} }
    const bad = (change: object) => post(url, JSON.stringify({ ...good, ...change }))
    expect((await bad({ call_id: 'x'.repeat(1_000) })).body.detail).toBe(
      'call_id is a text of 1000 characters, expected a uuid.',
    )
    expect(await bad({ model: 'm'.repeat(1_048_576) })).toMatchObject({ status: 413 })
    expect((await bad({ max_tokens: -1 })).body.detail).toBe('max_tokens is -1, expected a whole number from 0.')
    expect(await bad({ max_tokens: 9e15 })).toMatchObject({ status: 200 })
    expect((await bad({ who: {} })).body.detail).toBe('found both record and who, expected one of them.')
    expect(await bad({ record: { end_user: 'x'.repeat(100_000) } })).toMatchObject({ status: 200 })
    const random = new Uint8Array(4_096).map((_, i) => (i * 7919) % 256)
    expect((await post(url, random)).status).toBe(400)
    expect((await fetch(`${url}/v1/decisions/explain?nonsense=1`)).status).toBe(400)
  })

  it('wants the key of a gateway for questions, of a reader for explanations, of an administrator for agents', async () => {
    const env = { READER: 'reader-1', INGEST: 'ingest-1', GATEWAY: 'gateway-1', ADMIN: 'admin-1' }
    const roles = ['reader', 'ingest', 'gateway', 'admin'] as const
    const keys = roles.map((role) => `${role}: "\${${role.toUpperCase()}}"`).join(', ')
    exporter = await startExporter({ policy: policy('1'), env, server: `keys: { ${keys} }` })
    const { url } = exporter.program
    await eventually('decisions', async () =>
      (await askFor(url, { customer: 'acme', key: 'gateway-1' })).status === 200 ? true : null,
    )
    const statuses = async (method: string, path: string) => {
      const found: Record<string, number> = {}
      for (const [name, key] of [
        ['none', null],
        ['unknown', 'x'],
        ...roles.map((role) => [role, `${role}-1`]),
      ] as const) {
        const headers: Record<string, string> = key === null ? {} : { authorization: `Bearer ${key}` }
        const answer = await fetch(`${url}${path}`, { method, headers, ...(method === 'POST' && { body: '{}' }) })
        await answer.body?.cancel()
        found[name as string] = answer.status
      }
      return found
    }
    const only = (role: string, status: number) => ({
      none: 401,
      unknown: 401,
      ...Object.fromEntries(roles.map((one) => [one, one === role || one === 'admin' ? status : 403])),
    })
    expect(await statuses('POST', '/v1/decisions')).toEqual(only('gateway', 400))
    expect(await statuses('GET', '/v1/decisions/changes')).toEqual(only('gateway', 200))
    expect(await statuses('GET', '/v1/decisions/explain')).toEqual(only('reader', 200))
    expect(await statuses('POST', '/api/admin/agents/nightly/pause')).toEqual(only('admin', 200))
    expect(exporter.program.output()).not.toMatch(/(reader|ingest|gateway|admin)-1/)
  })
})
