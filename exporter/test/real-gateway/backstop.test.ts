import { setTimeout as pause } from 'node:timers/promises'
import { startUpstream, type Upstream } from '@marginwatch/sandbox'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Backstop, runBackstop } from '../../src/backstop/backstop.ts'
import type { BudgetPolicy, LitellmPoll, Policy } from '../../src/policy/policy.ts'
import { READERS } from '../../src/sources/litellm/directory-read.ts'
import { eventually } from '../support/eventually.ts'
import { describeWithFixture } from '../support/fixture.ts'
import { gatewayConfig } from '../support/gateway-config.ts'
import { NO_BUDGETS } from '../support/no-budgets.ts'
import { type RealGateway, startRealGateway } from '../support/real-gateway.ts'
import { plan, policyWith } from '../support/world.ts'

const CENT = 10_000_000n
const PRO = 'marginwatch:1mo:tier:pro'
const MAX = 'marginwatch:1mo:tier:max'
/** 1000 × $2.50 + 500 × $10, for a million each: $0.0075. */
const CALL = 'Hello. upstream(input=1000 output=500)'

type Row = Readonly<Record<string, unknown>>

describeWithFixture("LiteLLM's own budgets, on the real LiteLLM without our file beside it,", () => {
  let upstream: Upstream
  let gateway: RealGateway
  let policy: Policy
  let poll: LitellmPoll
  let written: number
  let backstop: Backstop | null
  const known = new Map<string, string | null>()

  beforeEach(async () => {
    upstream = await startUpstream()
    const general = { proxy_budget_rescheduler_min_time: 2, proxy_budget_rescheduler_max_time: 2 }
    gateway = await startRealGateway({ config: gatewayConfig({ upstream: upstream.url, general }) })
    const times = { everyMs: 10_000, lagMs: 60_000, backfillMs: 60_000, directoryMs: 60_000, timeoutMs: 60_000 }
    poll = { url: gateway.url, key: gateway.masterKey, pageSize: 100, ...times }
    known.clear()
    written = 0
    backstop = null
  })
  afterEach(async () => {
    await backstop?.close()
    await gateway?.close()
    await upstream?.close()
  })

  /** The policy from now on; ours stop at `limit`, LiteLLM 5 % above. */
  function want(limit: bigint, budgets: Partial<BudgetPolicy> = {}, timezone = 'UTC'): void {
    const block = { at: 10_000, do: 'block', severity: 'info', channels: [] } as const
    const customer = { period: 'month', thresholds: [block], grace: 0, carryOver: 0 } as const
    policy = policyWith({
      timezone,
      tiers: { pro: plan(0n, limit), max: plan(0n, 100n * CENT) },
      sources: { litellm: { push: true, poll } },
      budgets: { ...NO_BUDGETS, customer, backstop: { above: 500, everyMs: 2_000 }, ...budgets },
    })
  }
  function run(): void {
    const write = (line: string) => {
      if (line.includes('wrote budgets')) written++
    }
    backstop = runBackstop({
      policy: () => policy,
      knownCustomers: () => known,
      readers: READERS,
      log: pino({}, { write }),
      now: Date.now,
      random: Math.random,
      sleep: async (ms, signal) => void (await pause(ms, undefined, { signal }).catch(() => {})),
    })
  }
  /** When LiteLLM was next read to be as wanted. */
  const confirmed = (since = Date.now()) =>
    eventually(
      () => `confirmed: ${JSON.stringify(backstop?.state())}`,
      () => {
        const state = backstop?.state() ?? null
        return state?.differences === 0 && (state.lastConfirmed ?? 0) > since ? state : null
      },
    )
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${gateway.masterKey}`, 'content-type': 'application/json' }
    const answer = await fetch(gateway.url + path, { ...init, headers })
    return { status: answer.status, body: (await answer.json()) as Row }
  }
  const callAs = (user: string) => {
    const question = { model: 'gpt-4o', user, messages: [{ role: 'user', content: CALL }] }
    return ask('/v1/chat/completions', { method: 'POST', body: JSON.stringify(question) })
  }
  const statusOf = async (user: string) => (await callAs(user)).status
  /** Calls until LiteLLM refuses; how many it let through. It counts a call a moment after it was answered. */
  async function passedUntilRefused(user: string): Promise<number> {
    for (let passed = 0; passed < 50; passed++) {
      const status = await statusOf(user)
      if (status === 422) return passed
      expect(status).toBe(200)
    }
    return expect.fail(`${user} is never refused`)
  }
  const customer = async (id: string) => (await ask(`/customer/info?end_user_id=${id}`)).body
  const budgets = async () => (await ask('/budget/list')).body as unknown as readonly Row[]
  const budget = async (id: string) => (await budgets()).find(({ budget_id }) => budget_id === id)

  it('refuse a customer who is beyond them, and open again at the next call when the limit is raised or the tier changed', async () => {
    want(CENT)
    known.set('acme', 'pro')
    run()
    await confirmed()
    // $0.0075 is below $0.0105, $0.015 is not.
    expect(await passedUntilRefused('acme')).toBeGreaterThanOrEqual(2)
    expect((await callAs('acme')).body).toMatchObject({ error: { type: 'budget_exceeded', code: '422' } })
    expect(await statusOf('somebody else')).toBe(200)

    want(50n * CENT)
    await confirmed()
    expect(await statusOf('acme')).toBe(200)
    want(CENT)
    await confirmed()
    expect(await statusOf('acme')).toBe(422)

    known.set('acme', 'max')
    const before = Date.now()
    backstop?.wake()
    await confirmed(before)
    expect(await customer('acme')).toMatchObject({ budget_id: MAX })
    expect(await statusOf('acme')).toBe(200)
  })

  it('are not held against what a customer spent before it had one', async () => {
    for (let i = 0; i < 3; i++) expect(await statusOf('acme')).toBe(200)
    await eventually('spend in the database', async () => (Number((await customer('acme')).spend) > 0.02 ? true : null))
    want(CENT)
    known.set('acme', 'pro')
    run()
    let settling = 0
    await eventually('in its budget', async () => {
      const { budget_id: id } = await customer('acme')
      if (id === 'marginwatch:settling') settling++
      return id === PRO ? true : null
    })
    expect(settling).toBeGreaterThan(0)
    expect(await passedUntilRefused('acme')).toBeGreaterThanOrEqual(2)
  })

  it('leave those of others alone, are written once, and are all taken back', async () => {
    await gateway.call('/budget/new', { budget_id: 'gold', max_budget: 0.001, budget_duration: '30d' })
    await gateway.call('/customer/new', { user_id: 'golden', budget_id: 'gold' })
    const gold = await budget('gold')
    want(CENT)
    known.set('golden', 'max').set('acme', 'pro')
    run()
    expect(await confirmed()).toMatchObject({ leftAlone: { count: 1, some: ['golden'] }, budgets: 3, customers: 1 })
    expect([await budget('gold'), (await customer('golden')).budget_id]).toEqual([gold, 'gold'])
    const before = [await budgets(), written]
    await backstop?.close()
    run()
    await confirmed()
    await confirmed()
    expect([await budgets(), written]).toEqual(before)

    expect(await passedUntilRefused('acme')).toBeGreaterThanOrEqual(2)
    want(CENT, { backstop: null })
    await eventually('taken back', async () => ((await budgets()).length === 1 ? true : null))
    expect(await statusOf('acme')).toBe(200)
    expect(await budgets()).toEqual([gold])
  })

  it('end with the periods of the policy, also where LiteLLM cuts them in another zone, and begin anew there', async () => {
    // Shortly before an end nothing is set right; one of the two is far from it.
    const late = [14, 15].includes(new Date().getUTCHours())
    want(CENT, {}, late ? 'America/Phoenix' : 'Asia/Tokyo')
    known.set('acme', 'pro')
    run()
    await confirmed()
    const end = (await budget(PRO))?.budget_reset_at
    expect(end).toMatch(late ? /T07:00:00Z$/ : /T15:00:00Z$/)
    expect(await passedUntilRefused('acme')).toBeGreaterThanOrEqual(2)
    await eventually('spend in the database', async () => (Number((await customer('acme')).spend) > 0 ? true : null))
    // As if the period had ended; LiteLLM takes its own midnight for the next end.
    await gateway.call('/budget/update', { budget_id: PRO, budget_reset_at: '2026-01-01T00:00:00Z' })
    await eventually('a new period', async () => ((await statusOf('acme')) === 200 ? true : null))
    await eventually('its end', async () => ((await budget(PRO))?.budget_reset_at === end ? true : null))
  })
})
