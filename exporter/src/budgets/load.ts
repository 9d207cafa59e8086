import type { Calendar } from '../calendar.ts'
import type { Ledger, RowReader, Snapshot } from '../ledger/ledger.ts'
import { daySum } from '../ledger/queries.ts'
import type { Nano } from '../usage.ts'
import type { Hold } from './holds.ts'
import type { LoadedSum } from './meters.ts'
import { endedIn } from './resume.ts'
import { SESSION_GAP_MS, type SessionState } from './sessions.ts'

/** What budgets need of the ledger. */
export interface BudgetLedger extends Pick<Ledger, 'append' | 'follow'> {
  /** Reads it at one number; `holds` are those of the process before, whose ends are looked for. */
  load(now: number, holds: readonly Hold[]): Promise<Snapshot<Loaded>>
}

export function budgetLedger(ledger: Ledger, calendar: Calendar): BudgetLedger {
  return {
    append: ledger.append,
    follow: ledger.follow,
    load: (now, holds) =>
      ledger.snapshot(async (rows) => ({
        ...(await readLoaded(rows, calendar, now)),
        ended: await endedIn(rows, holds),
      })),
  }
}

/** What the ledger says of budgets, inside a snapshot. */
export interface Loaded {
  readonly sums: readonly LoadedSum[]
  readonly sessions: readonly SessionState[]
  /** Bodies of all actions, and of the crossings of the periods that matter, in order. */
  readonly entries: readonly { readonly at: number; readonly body: string }[]
  /** Output tokens of the latest answers by model. */
  readonly outputs: readonly { readonly model: string; readonly tokens: number }[]
  /** Of the keys that can end the calls that were asked for, those that are there. */
  readonly ended: ReadonlySet<string>
}

const ANSWERS = 20_000

/** Reads it. Sums by day are put together where no period tells the days apart. */
async function readLoaded(rows: RowReader, calendar: Calendar, now: number): Promise<Omit<Loaded, 'ended'>> {
  return {
    sums: [...(await customerSums(rows, calendar, now)), ...(await agentSums(rows, calendar, now))],
    sessions: await readSessions(rows, now),
    entries: await readEntries(rows, calendar, now),
    outputs: await readOutputs(rows),
  }
}

/** Days before the day before yesterday count by week, and before last week by month. */
function buckets(calendar: Calendar, now: number) {
  const today = calendar.day(now)
  const lastWeek = calendar.weekOf(today) - 7
  const from = Math.min(calendar.monthOf(calendar.monthOf(today) - 1), lastWeek)
  const columns = `greatest(day, ${today - 2}), day >= ${calendar.weekOf(today)}, day >= ${lastWeek}, day >= ${calendar.monthOf(today)}`
  return { from, columns }
}

async function customerSums(rows: RowReader, calendar: Calendar, now: number): Promise<LoadedSum[]> {
  const { from, columns } = buckets(calendar, now)
  const list = await rows(
    `${await daySum('day_customer', rows)} SELECT customer, tier, min(day) AS first, sum(cost)::BIGINT AS cost FROM day_sum
     WHERE day >= ${from} GROUP BY customer, tier, ${columns} ORDER BY first`,
  )
  return list.map((row) => ({
    customer: String(row.customer),
    tier: orNull(row.tier),
    day: Number(row.first),
    cost: row.cost as Nano,
  }))
}

async function agentSums(rows: RowReader, calendar: Calendar, now: number): Promise<LoadedSum[]> {
  const { from, columns } = buckets(calendar, now)
  const list = await rows(
    `SELECT n.agent, min(e.day) AS first, sum(e.cost)::BIGINT AS cost FROM event e JOIN name_set n ON n.id = e.names
     WHERE e.day >= ${from} AND n.agent <> '' GROUP BY n.agent, ${columns} ORDER BY first`,
  )
  return list.map((row) => ({ agent: String(row.agent), day: Number(row.first), cost: row.cost as Nano }))
}

/** Sessions with a call lately, each time between two long pauses by itself. */
async function readSessions(rows: RowReader, now: number): Promise<SessionState[]> {
  const from = now - 2 * SESSION_GAP_MS
  const list = await rows(
    `WITH lately AS (SELECT DISTINCT customer, session FROM event WHERE session <> '' AND start >= ${from}),
       calls AS (SELECT e.customer, e.session, e.start, e.cost, n.tier, n.agent,
           CASE WHEN n.status IN ('blocked', 'rejected') THEN 0 ELSE e.calls END AS calls,
           e.start - lag(e.start, 1, e.start) OVER by_start > ${SESSION_GAP_MS} AS anew
         FROM event e JOIN lately USING (customer, session) JOIN name_set n ON n.id = e.names
         WINDOW by_start AS (PARTITION BY e.customer, e.session ORDER BY e.start, e.seq)),
       runs AS (SELECT *, sum(anew::INTEGER) OVER (PARTITION BY customer, session ORDER BY start) AS run FROM calls)
     SELECT customer, session, max(tier) AS tier, max(agent) AS agent, min(start) AS first, max(start) AS last,
       sum(cost)::BIGINT AS spent, sum(calls)::BIGINT AS calls
     FROM runs GROUP BY customer, session, run HAVING max(start) >= ${from}`,
  )
  return list.map((row) => ({
    customer: String(row.customer),
    session: String(row.session),
    tier: orNull(row.tier),
    agent: orNull(row.agent),
    first: Number(row.first),
    last: Number(row.last),
    spent: row.spent as Nano,
    calls: Number(row.calls),
    next: undefined,
  }))
}

async function readEntries(rows: RowReader, calendar: Calendar, now: number) {
  const from = calendar.dayStart(buckets(calendar, now).from)
  const list = await rows(
    `SELECT recorded, body FROM entry WHERE kind = 'action'
       OR (kind = 'crossing' AND ((body->>'period') = 'session' OR (body->>'periodStart')::BIGINT >= ${from})) ORDER BY seq`,
  )
  return list.map((row) => ({ at: Number(row.recorded), body: String(row.body) }))
}

async function readOutputs(rows: RowReader) {
  const list = await rows(
    `SELECT n.model, e.output + e.reasoning AS tokens FROM
       (SELECT * FROM event WHERE kind = 0 AND output > 0 ORDER BY seq DESC LIMIT ${ANSWERS}) e
       JOIN name_set n ON n.id = e.names WHERE n.status = 'success' AND n.cache_hit = '' AND n.model <> '' ORDER BY e.seq`,
  )
  return list.map((row) => ({ model: String(row.model), tokens: Number(row.tokens) }))
}

function orNull(value: unknown): string | null {
  return value === '' || value === null || value === undefined ? null : String(value)
}
