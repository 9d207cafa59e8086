import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTraffic, type DirectorySettings, type Litellm, startLitellm } from '@marginwatch/sandbox'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../../test/support/eventually.ts'
import { NO_BUDGETS } from '../../test/support/no-budgets.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { plan, policyWith } from '../../test/support/world.ts'
import type { BudgetPolicy, LitellmPoll, Policy } from '../policy/policy.ts'
import { READERS } from '../sources/litellm/directory-read.ts'
import { type Backstop, type BackstopOptions, runBackstop } from './backstop.ts'
import type { BackstopState } from './state.ts'

const NOW = Date.UTC(2026, 10, 22, 10)
const DOLLAR = 1_000_000_000n
const MINUTE = 60_000
const PRO = 'marginwatch:1mo:tier:pro'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

interface Seen {
  readonly method: string
  readonly path: string
  readonly body: string
}

/** Says what to answer instead of the stand-in; null = nothing of its own. */
type Instead = (seen: Seen) => { readonly status: number; readonly body: unknown } | null

class Scene {
  readonly clock = new VirtualClock(NOW)
  readonly known = new Map<string, string | null>()
  readonly logged: { level: number; msg: string; [key: string]: unknown }[] = []
  readonly requests: Seen[] = []
  instead: Instead = () => null
  policy: Policy = policyWith()
  litellm: Litellm | null = null
  address = ''
  private backstop: Backstop | null = null

  /** A LiteLLM that stands in for the real one, behind a door at which each request is seen. */
  async start(directory: DirectorySettings = {}, calls: Parameters<typeof startLitellm>[0] = {}): Promise<this> {
    const settings = { resetEveryMs: 10_000, ...directory }
    this.litellm = await startLitellm({ ...calls, now: this.clock.now, record: { slim: true }, directory: settings })
    closers.push(this.litellm.close)
    const server = createServer(async (req, res) => {
      let body = ''
      for await (const part of req) body += String(part)
      const seen = { method: req.method ?? '', path: req.url ?? '', body }
      this.requests.push(seen)
      const own = this.instead(seen)
      if (own !== null) return void res.writeHead(own.status).end(JSON.stringify(own.body))
      const headers = { authorization: req.headers.authorization ?? '', 'content-type': 'application/json' }
      const init = { method: seen.method, headers, ...(body !== '' && { body }) }
      const answer = await fetch(`${this.litellm?.url}${seen.path}`, init)
      res.writeHead(answer.status).end(await answer.text())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closers.push(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    this.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return this
  }

  poll(change: Partial<LitellmPoll> = {}): LitellmPoll {
    const times = { everyMs: 10_000, lagMs: MINUTE, backfillMs: MINUTE, directoryMs: 5 * MINUTE, timeoutMs: 600_000 }
    return { url: this.address, key: this.litellm?.masterKey ?? '', pageSize: 100, ...times, ...change }
  }

  /** The policy from now on. */
  want(limit: bigint | null, budgets: Partial<BudgetPolicy> = {}, poll: LitellmPoll | null = this.poll()): void {
    const block = { at: 10_000, do: 'block', severity: 'info', channels: [] } as const
    const customer = { period: 'month', thresholds: [block], grace: 0, carryOver: 0 } as const
    const backstop = { above: 500, everyMs: MINUTE }
    this.policy = policyWith({
      tiers: { pro: plan(0n, limit), max: plan(0n, 100n * DOLLAR) },
      sources: { litellm: { push: true, poll } },
      budgets: { ...NO_BUDGETS, customer, backstop, ...budgets },
    })
  }

  run(change: Partial<BackstopOptions> = {}): Backstop {
    const log = pino({ base: null }, { write: (line: string) => void this.logged.push(JSON.parse(line)) })
    const { now, sleep } = this.clock
    const options = { policy: () => this.policy, knownCustomers: () => this.known, readers: READERS, log, now, sleep }
    this.backstop = runBackstop({ ...options, random: () => 0.5, ...change })
    closers.push(this.backstop.close)
    return this.backstop
  }

  /** Lets time pass. */
  pass(ms: number): Promise<void> {
    return this.clock.advance(ms, 1)
  }

  /** Lets a second at a time pass until the state is so. */
  until(what: string, fits: (state: BackstopState) => boolean): Promise<BackstopState> {
    return eventually(
      () => `${what}: ${JSON.stringify(this.backstop?.state())}`,
      async () => {
        await this.pass(1000)
        const state = this.backstop?.state() ?? null
        return state !== null && fits(state) ? state : null
      },
    )
  }

  confirmed(): Promise<BackstopState> {
    return this.until('confirmed', ({ differences, failed }) => differences === 0 && failed === null)
  }

  writes(): Seen[] {
    return this.requests.filter(({ method }) => method === 'POST')
  }

  async customer(id: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const list = (await this.list('/customer/list')) as { user_id: string }[]
    return list.find(({ user_id }) => user_id === id)
  }

  async list(path: string): Promise<unknown> {
    const answer = await fetch(`${this.litellm?.url}${path}`, {
      headers: { authorization: `Bearer ${this.litellm?.masterKey}` },
    })
    return answer.json()
  }

  async budgets(): Promise<Record<string, number | null>> {
    const rows = (await this.list('/budget/list')) as { budget_id: string; max_budget: number | null }[]
    return Object.fromEntries(rows.map((row) => [row.budget_id, row.max_budget]))
  }
}

describe('the backstop', () => {
  it('writes what the policy wants, confirms it by reading, and then writes no more, nor after a restart', async () => {
    const scene = await new Scene().start()
    scene.want(8n * DOLLAR)
    scene.known.set('acme', 'pro').set('beta', 'nowhere')
    const first = scene.run()
    expect(await scene.confirmed()).toMatchObject({ budgets: 3, customers: 1, waiting: 0, note: null })
    expect(await scene.budgets()).toEqual({
      [PRO]: 8.4,
      'marginwatch:1mo:tier:max': 105,
      'marginwatch:1mo:none': null,
    })
    expect(await scene.customer('acme')).toMatchObject({
      budget_id: PRO,
      litellm_budget_table: { budget_duration: '1mo', budget_reset_at: '2026-12-01T00:00:00Z' },
    })
    const written = scene.writes().length
    await first.close()
    scene.run()
    await scene.confirmed()
    await scene.pass(10 * MINUTE)
    expect(scene.writes()).toHaveLength(written)
    expect(scene.requests.filter(({ path }) => path.startsWith('/customer/list')).length).toBeGreaterThan(10)
  })

  it('looks at once when the policy changes, and changes a raised limit where it is', async () => {
    const scene = await new Scene().start()
    scene.want(8n * DOLLAR, { backstop: { above: 500, everyMs: 3_600_000 } })
    scene.known.set('acme', 'pro')
    scene.run()
    await scene.confirmed()
    const before = scene.writes().length
    scene.want(80n * DOLLAR, { backstop: { above: 500, everyMs: 3_600_000 } })
    const { lastConfirmed } = await scene.until('raised', ({ lastConfirmed }) => (lastConfirmed ?? 0) > NOW + 500)
    expect(lastConfirmed).toBeLessThanOrEqual(scene.clock.now())
    expect(
      scene
        .writes()
        .slice(before)
        .map(({ path, body }) => [path, JSON.parse(body)]),
    ).toEqual([
      ['/budget/update', { budget_id: PRO, max_budget: 84 }],
      ['/customer/update', { user_id: 'acme', budget_id: PRO }],
    ])
  })

  it('looks within a second when it is woken', async () => {
    const scene = await new Scene().start()
    scene.want(8n * DOLLAR, { backstop: { above: 500, everyMs: 3_600_000 } })
    const backstop = scene.run()
    await scene.confirmed()
    scene.known.set('acme', 'max')
    backstop.wake()
    await scene.until('linked', ({ customers }) => customers === 1)
    expect(await scene.customer('acme')).toMatchObject({ budget_id: 'marginwatch:1mo:tier:max' })
  })

  it('has the spend of customers who called before set to zero, and gives them their limit then', async () => {
    const traffic = [...createTraffic({ seed: 5 }).calls(NOW - 600_000, NOW - 60_000)]
    const id = traffic.find(({ cost, customer }) => customer !== null && (cost ?? 0n) > 0n)?.customer ?? expect.fail()
    const scene = await new Scene().start({}, { calls: traffic, lag: { usualMs: [0, 1], lateShare: 0 } })
    expect(Number((await scene.customer(id))?.spend)).toBeGreaterThan(0)
    scene.want(8n * DOLLAR)
    scene.known.set(id, 'pro')
    scene.run()
    const { waiting } = await scene.until('waiting', (state) => state.differences === 1)
    expect(waiting).toBe(1)
    expect(await scene.customer(id)).toMatchObject({ budget_id: 'marginwatch:settling' })
    await scene.confirmed()
    expect(await scene.customer(id)).toMatchObject({ budget_id: PRO, spend: 0 })
    expect(Object.keys(await scene.budgets())).not.toContain('marginwatch:settling')
  })

  it('leaves budgets and customers of others alone, and tells whom', async () => {
    const gold = { id: 'gold', max: 5, duration: '30d', resetAt: '2026-12-01T00:00:00Z' }
    const scene = await new Scene().start({ customers: [{ id: 'acme', budget: 'gold' }], budgets: [gold] })
    scene.want(8n * DOLLAR)
    scene.known.set('acme', 'pro')
    scene.run()
    expect(await scene.confirmed()).toMatchObject({ leftAlone: { count: 1, some: ['acme'] } })
    expect(await scene.customer('acme')).toMatchObject({ budget_id: 'gold' })
    expect(await scene.budgets()).toMatchObject({ gold: 5 })
  })

  it('goes on where one write fails, tells of it, and mends it later', async () => {
    const scene = await new Scene().start()
    scene.want(8n * DOLLAR)
    scene.known.set('acme', 'pro').set('beta', 'pro')
    scene.instead = ({ path, body }) =>
      path === '/customer/new' && body.includes('acme') ? { status: 500, body: { error: 'broken' } } : null
    scene.run()
    const { failed } = await scene.until('failed', (state) => state.failed !== null && state.customers === 1)
    expect(failed).toMatch(/^LiteLLM did not take what was written: POST .*\/customer\/new answered 500/)
    expect(await scene.customer('beta')).toMatchObject({ budget_id: PRO })
    scene.instead = () => null
    expect(await scene.confirmed()).toMatchObject({ customers: 2 })
    const told = scene.logged.filter(({ reason, msg }) => reason !== undefined || msg.includes('again'))
    expect(told.map(({ level }) => level)).toEqual([40, 30])
  })

  it('does not call a customer settled whose way there is not certain', async () => {
    const traffic = [...createTraffic({ seed: 5 }).calls(NOW - 600_000, NOW - 60_000)]
    const id = traffic.find(({ cost, customer }) => customer !== null && (cost ?? 0n) > 0n)?.customer ?? expect.fail()
    const scene = await new Scene().start({}, { calls: traffic, lag: { usualMs: [0, 1], lateShare: 0 } })
    scene.want(8n * DOLLAR)
    scene.known.set(id, 'pro')
    scene.instead = ({ path }) => (path === '/customer/update' ? { status: 200, body: undefined } : null)
    scene.run()
    await scene.until('failed', ({ failed }) => failed !== null)
    const paths = scene.writes().map(({ path }) => path)
    expect(paths).toContain('/customer/update')
    expect(paths).not.toContain('/budget/update')
  })

  it('says once that a LiteLLM without the endpoints cannot be written', async () => {
    const scene = await new Scene().start({ without: ['/customer/update', '/budget/new'] })
    scene.want(8n * DOLLAR)
    scene.run()
    const { failed } = await scene.until('failed', (state) => state.failed !== null)
    expect(failed).toBe('This LiteLLM has no /budget/new, /customer/update: its budgets cannot be written.')
    await scene.pass(60 * MINUTE)
    expect(scene.logged.filter(({ reason }) => reason !== undefined)).toHaveLength(1)
    expect(scene.writes()).toEqual([])
  })

  it('stops at the first refusal of its key, and says which it needs', async () => {
    const scene = await new Scene().start()
    scene.want(8n * DOLLAR)
    for (let i = 0; i < 50; i++) scene.known.set(`customer-${i}`, 'pro')
    const body = { error: { message: 'Authentication Error, Only proxy admin can be used', type: 'auth_error' } }
    scene.instead = ({ method }) => (method === 'POST' ? { status: 401, body } : null)
    scene.run()
    const { failed } = await scene.until('failed', (state) => state.failed !== null)
    expect(failed).toContain('role proxy_admin')
    expect(scene.writes().length).toBeLessThanOrEqual(4)
  })

  it('takes all of ours back when the policy no longer has a backstop, and has no state then', async () => {
    const scene = await new Scene().start({ budgets: [{ id: 'gold', max: 5 }] })
    scene.want(8n * DOLLAR)
    scene.known.set('acme', 'pro')
    const backstop = scene.run()
    await scene.confirmed()
    scene.want(8n * DOLLAR, { backstop: null })
    await eventually('taken back', async () => {
      await scene.pass(1000)
      return Object.keys(await scene.budgets()).length === 1 ? true : null
    })
    expect(await scene.budgets()).toEqual({ gold: 5 })
    expect(await scene.customer('acme')).toMatchObject({ budget_id: null })
    expect(backstop.state()).toBeNull()
  })

  it('writes nothing and tells nothing where there never was a backstop', async () => {
    const scene = await new Scene().start({ budgets: [{ id: 'gold', max: 5 }] })
    scene.want(8n * DOLLAR, { backstop: null })
    const backstop = scene.run()
    await scene.pass(10 * MINUTE)
    expect(scene.requests.map(({ path }) => path)).toEqual(['/budget/list'])
    expect([backstop.state(), scene.logged]).toEqual([null, []])
  })

  it('says what is missing where no LiteLLM is named, and begins when one is', async () => {
    const scene = await new Scene().start()
    scene.want(8n * DOLLAR, {}, null)
    scene.run()
    const { failed } = await scene.until('failed', (state) => state.failed !== null)
    expect(failed).toContain('sources.litellm.poll')
    scene.want(8n * DOLLAR)
    await scene.confirmed()
  })

  it('comes back by itself when LiteLLM was away, waiting longer each time', async () => {
    const scene = await new Scene().start()
    scene.want(8n * DOLLAR)
    scene.instead = () => ({ status: 503, body: {} })
    scene.run()
    await scene.until('failed', (state) => state.failed !== null)
    await scene.pass(10 * MINUTE)
    expect(scene.requests.length).toBeLessThan(25)
    scene.instead = () => null
    await scene.confirmed()
  })

  it('knows a customer whose id may not be shown by the name that it has here', async () => {
    const scene = await new Scene().start({ customers: [{ id: 'jane@example.com' }] })
    scene.want(8n * DOLLAR)
    scene.known.set('hash:0a1b2c3d', 'pro')
    scene.run({ nameOf: (id) => (id.includes('@') ? 'hash:0a1b2c3d' : id) })
    expect(await scene.confirmed()).toMatchObject({ customers: 1 })
    expect(await scene.customer('jane@example.com')).toMatchObject({ budget_id: PRO })
    expect(JSON.stringify(scene.logged)).not.toContain('jane')
  })

  it('ends within a moment in the middle of a call', async () => {
    const scene = await new Scene().start()
    scene.want(8n * DOLLAR)
    let asked = () => {}
    const waiting = new Promise<void>((resolve) => {
      asked = resolve
    })
    const silent = createServer(() => asked())
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    closers.push(async () => {
      silent.closeAllConnections()
      await new Promise((resolve) => silent.close(resolve))
    })
    scene.want(8n * DOLLAR, {}, scene.poll({ url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` }))
    const backstop = scene.run()
    await waiting
    await backstop.close()
    expect(backstop.state()?.failed ?? null).toBeNull()
  })
})
