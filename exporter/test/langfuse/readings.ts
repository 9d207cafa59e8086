import type { Ledger, Row } from '../../src/ledger/ledger.ts'
import { type Compared, REASONS, rowName, type Sum, sumBy } from './expected.ts'
import { BEGIN, calendar, DAY, END, HOUR } from './world.ts'

/** More than there is of anything. */
const LIMIT = 100_000
const RANGE = { from: BEGIN - DAY, to: END }
const DAYS = { from: calendar.day(RANGE.from), to: calendar.day(RANGE.to) + 1 }

/** Net sums of the ledger, by the questions that page, margin and metrics ask it. */
export async function spendOf(ledger: Ledger) {
  const rows = (await ledger.query('margin_days', DAYS)).map((row) => ({
    ...named(row, 'customer', 'tier'),
    ...sum(row),
  }))
  const models: (Sum & { day: number; model: string })[] = []
  for (let day = DAYS.from; day < DAYS.to; day++) {
    const found = await ledger.query('models', { from: day, to: day + 1, limit: LIMIT })
    models.push(...found.map((row) => ({ day, model: String(row.model), ...sum(row) })))
  }
  return {
    days: sumBy(rows, ({ day }) => String(day)),
    customers: sumBy(rows, ({ day, customer, tier }) => `${day} ${customer} ${tier}`),
    models: sumBy(models, ({ day, model }) => `${day} ${model}`),
    statuses: sumBy(await statuses(ledger), ({ day, status }) => `${day} ${status}`),
  }
}

/** The same by outcome, from the table itself: no question has it, only metrics, which never go down. */
async function statuses(ledger: Ledger) {
  const { state } = await ledger.snapshot((rows) =>
    rows(`SELECT e.day, n.status, sum(e.calls) AS calls, sum(e.cost) AS cost,
        sum(e.input + e.cache_read + e.cache_write_5m + e.cache_write_1h + e.output + e.reasoning) AS tokens
      FROM event e JOIN name_set n ON n.id = e.names GROUP BY ALL`),
  )
  return state.map((row) => ({ day: Number(row.day), status: String(row.status), ...sum(row) }))
}

/** What every session cost, how many there are at all, and by tier. */
export async function sessionsOf(ledger: Ledger) {
  const rows = await ledger.query('sessions', { ...RANGE, limit: LIMIT })
  const sessions = rows.map((row) => ({ ...named(row, 'customer', 'session'), ...sum({ tokens: 0, ...row }) }))
  const [active] = await ledger.query('active', { from: RANGE.from })
  const tiers = await ledger.query('tier_sessions', { day: DAYS.from, ...RANGE })
  return {
    sessions: sumBy(sessions, ({ customer, session }) => `${customer} ${session}`),
    active: Number(active?.sessions),
    tiers: Object.fromEntries(
      tiers.map((row) => [
        String(row.tier),
        { sessions: Number(row.sessions), calls: Number(row.calls), cost: big(row.cost) },
      ]),
    ),
  }
}

export async function toolsSeen(ledger: Ledger): Promise<Record<string, number>> {
  const rows = await ledger.query('observed_tools', RANGE)
  return Object.fromEntries(rows.map(({ name, status, calls }) => [`${String(name)} ${String(status)}`, Number(calls)]))
}

/** The comparison by day and model. */
export async function reconciled(ledger: Ledger): Promise<Record<string, Compared>> {
  const rows = await ledger.query('reconciliation', { ...DAYS, grace: END - HOUR })
  const compared = rows.map((row): Compared => {
    const counts = Object.fromEntries(REASONS.map((reason) => [reason, Number(row[reason])]))
    return {
      day: Number(row.day),
      model: String(row.model),
      provider: String(row.provider),
      events: Number(row.events),
      observations: Number(row.observations),
      hereCost: big(row.here_cost),
      thereCost: big(row.there_cost),
      hereTokens: Number(row.here_tokens),
      thereTokens: Number(row.there_tokens),
      ...(counts as Pick<Compared, (typeof REASONS)[number]>),
    }
  })
  return Object.fromEntries(compared.map((row) => [rowName(row), row] as const).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** How many calls were counted from Langfuse and taken back. */
export async function takenBack(ledger: Ledger): Promise<number> {
  const { state } = await ledger.snapshot((rows) =>
    rows('SELECT count(*) AS n FROM event WHERE kind = 1 AND calls < 0'),
  )
  return Number(state[0]?.n)
}

function named<A extends string, B extends string>(row: Row, a: A, b: B) {
  return { day: Number(row.day), [a]: String(row[a]), [b]: String(row[b]) } as { day: number } & Record<A | B, string>
}

function sum(row: Row): Sum {
  return { calls: Number(row.calls), cost: big(row.cost), tokens: Number(row.tokens) }
}

function big(value: unknown): bigint {
  return BigInt(String(value))
}
