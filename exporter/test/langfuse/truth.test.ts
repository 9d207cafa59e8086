import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type Page, scrape, sumOf } from '../support/scrape.ts'
import {
  type Compared,
  comparedOf,
  countedOf,
  isCompared,
  REASONS,
  type Reason,
  reasonOf,
  sumBy,
  toolsOf,
} from './expected.ts'
import { reconciled, sessionsOf, spendOf, takenBack, toolsSeen } from './readings.ts'
import { HOUR, MIDNIGHTS, startTruth, type TruthOptions, type TruthWorld } from './world.ts'

const SEED = 28

/** Calls go through gateway and Langfuse, some only through one, some twice, some late, some edited; then all has settled. */
describe.each<Omit<TruthOptions, 'seed'>>([
  { role: 'reconcile', troubled: false },
  { role: 'reconcile', troubled: true },
  { role: 'spend', troubled: false },
  { role: 'spend', troubled: true },
])('calls of three nights, role $role, with a restart and an outage in the middle: $troubled', (options) => {
  const { role, troubled } = options
  let world: TruthWorld
  beforeAll(async () => {
    world = await startTruth({ seed: SEED, ...options })
  })
  afterAll(() => world?.close())

  const counted = () => countedOf(world.passed, role)

  it('have every fault, and each of those that can be named at every midnight', () => {
    const { late, twice, gatewayLate, lent, edited } = world.mixed.truth()
    expect(Math.min(late, twice, gatewayLate, lent, ...Object.values(edited))).toBeGreaterThan(10)
    const named = world.passed.flatMap((one) => (isCompared(one) ? [reasonOf(one)] : []))
    for (const reason of REASONS)
      expect([reason, named.filter((one) => one === reason).length > 5]).toEqual([reason, true])
    const moved = world.passed.filter((one) => isCompared(one) && reasonOf(one) === 'day_boundary')
    for (const midnight of MIDNIGHTS)
      expect(moved.some(({ call }) => Math.abs(call.start - midnight) < HOUR)).toBe(true)
    expect({
      triedBeforeItWasTold: world.passed.some(({ call, gatewayLateMs }) => gatewayLateMs && call.attempts.length > 0),
      refusedWithoutStamp: world.passed.some(
        ({ call }) => call.failure === 'native_budget' || call.failure === 'bad_key',
      ),
      failedPastTheGateway: world.passed.some(({ call, way }) => way === 'langfuse' && call.outcome === 'failed'),
      nobodysPastTheGateway: world.passed.some(({ call, way }) => way === 'langfuse' && call.customer === null),
      cached: world.passed.some(({ call, way }) => way === 'both' && call.cacheHit),
      unpriced: world.passed.some(({ call, way }) => way === 'langfuse' && call.cost === null),
      lentToTheNameless: world.passed.some(({ call, lent }) => lent && call.session !== null),
    }).toEqual({
      triedBeforeItWasTold: true,
      refusedWithoutStamp: true,
      failedPastTheGateway: true,
      nobodysPastTheGateway: true,
      cached: true,
      unpriced: true,
      lentToTheNameless: true,
    })
    // Before the first observation of all nothing is missed there.
    expect(world.passed[0]?.way).toBe('both')
  })

  it('cost what they cost, to the nano-dollar, by day, customer and plan, by model and by outcome', async () => {
    expect(await spendOf(world.app.ledger)).toEqual({
      days: sumBy(counted(), ({ day }) => String(day)),
      customers: sumBy(counted(), ({ day, customer, tier }) => `${day} ${customer} ${tier}`),
      models: sumBy(counted(), ({ day, model }) => `${day} ${model}`),
      statuses: sumBy(counted(), ({ day, status }) => `${day} ${status}`),
    })
  })

  it('cost the same in the metrics, net of what was taken back', async () => {
    const page = await scrape(world.app.url)
    const total = counted().reduce((sum, { cost }) => sum + cost, 0n)
    const corrected = (direction: string) =>
      sumOf(page, 'llm_cost_correction_usd_total', (labels) => labels.direction === direction)
    const net = (family: string) => sumOf(page, family) - corrected('down') + corrected('up')
    expect([net('llm_cost_usd_total'), net('llm_customer_cost_usd_total')]).toEqual([total, total])
    expect([corrected('up'), corrected('down') > 0n]).toEqual([0n, role === 'spend'])
    if (role === 'spend') return
    const customers = sumBy(counted(), ({ customer }) => customer)
    for (const [customer, { cost, calls }] of Object.entries(customers)) {
      const of = (family: string) => sumOf(page, family, (labels) => labels.customer === customer)
      expect([customer, of('llm_customer_cost_usd_total'), of('llm_customer_requests_total')]).toEqual([
        customer,
        cost,
        BigInt(calls) * 1_000_000_000n,
      ])
    }
  })

  it('are taken back where Langfuse was believed first, and nowhere else', async () => {
    // What failed used nothing: it is the gateway's to tell.
    const told = world.passed.filter(({ call, way }) => way === 'both' && call.outcome === 'success')
    const first = told.filter(({ gatewayLateMs }) => gatewayLateMs !== 0).length
    // A call that was moved into the past does not wait for the gateway, which tells of it within minutes.
    const perhaps = told.filter(
      ({ gatewayLateMs, edit }) => gatewayLateMs === 0 && edit?.what === 'time' && edit.byMs < 0,
    )
    const taken = await takenBack(world.app.ledger)
    if (role === 'reconcile') return expect(taken).toBe(0)
    expect(taken).toBeGreaterThanOrEqual(troubled ? 1 : first)
    if (!troubled) expect(taken).toBeLessThanOrEqual(first + perhaps.length)
  })

  it('called and failed their tools as often as they did', async () => {
    expect(await toolsSeen(world.app.ledger)).toEqual(toolsOf(world.mixed.truth()))
  })

  it('belong to as many sessions as there were, and each cost what it cost', async () => {
    const named = counted().filter(({ session }) => session !== null)
    const sessions = sumBy(
      named.map((one) => ({ ...one, tokens: 0 })),
      ({ customer, session }) => `${customer} ${session}`,
    )
    const tiers = new Map<string, { sessions: Set<string>; calls: number; cost: bigint }>()
    for (const { tier, customer, session, calls, cost } of named) {
      const sum = tiers.get(tier) ?? { sessions: new Set(), calls: 0, cost: 0n }
      sum.sessions.add(`${customer} ${session}`)
      tiers.set(tier, { ...sum, calls: sum.calls + calls, cost: sum.cost + cost })
    }
    expect(await sessionsOf(world.app.ledger)).toEqual({
      sessions,
      active: Object.keys(sessions).length,
      tiers: Object.fromEntries([...tiers].map(([tier, sum]) => [tier, { ...sum, sessions: sum.sessions.size }])),
    })
  })

  it('are compared by day and model: each fault has its name, and nothing else has one', async () => {
    expect(await reconciled(world.app.ledger)).toEqual(comparedOf(world.passed))
  })

  it('are compared the same in the metrics and on the page', async () => {
    const rows = Object.values(comparedOf(world.passed))
    const page = await eventually('a comparison in the metrics', async () => {
      const found = await scrape(world.app.url)
      return familyOf(found, 'llm_reconciliation_calls').length > 0 ? found : null
    })
    const totals = REASONS.map((reason): [Reason, number] => [reason, rows.reduce((sum, row) => sum + row[reason], 0)])
    expect(valuesBy(page, 'llm_reconciliation_calls', 'reason')).toEqual(Object.fromEntries(totals))
    expect(valuesBy(page, 'llm_reconciliation_difference_ratio', 'provider')).toEqual(ratiosOf(rows))
    const differing = rows.filter((row) => REASONS.some((reason) => row[reason] > 0)).length
    const note = `by day and model: ${rows.length - differing} agree, ${differing} differ`
    await eventually(`on the page: ${note}`, async () => {
      const text = await (await fetch(`${world.app.url}/page/fragment`)).text()
      return text.includes(note) ? true : null
    })
  })
})

function familyOf(page: Page, name: string) {
  return page.families.find((family) => family.name === name)?.samples ?? []
}

function valuesBy(page: Page, name: string, label: string): Record<string, number> {
  const samples = familyOf(page, name).map(({ labels, value }) => [labels[label], Number(value)] as const)
  return Object.fromEntries(samples)
}

/** By provider, what Langfuse has more, as a share of what the ledger has. */
function ratiosOf(rows: readonly Compared[]): Record<string, number> {
  const sums = new Map<string, { here: bigint; there: bigint }>()
  for (const { provider, hereCost, thereCost } of rows) {
    const { here, there } = sums.get(provider) ?? { here: 0n, there: 0n }
    sums.set(provider, { here: here + hereCost, there: there + thereCost })
  }
  const some = [...sums].filter(([, { here }]) => here > 0n)
  return Object.fromEntries(some.map(([provider, { here, there }]) => [provider, Number(there - here) / Number(here)]))
}
