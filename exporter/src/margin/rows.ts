import type { Calendar } from '../calendar.ts'
import type { Close, Ledger, Recorded, Row, RowReader, Snapshot } from '../ledger/ledger.ts'
import { ask } from '../ledger/queries.ts'
import { type Meter, type Nano, totalTokens } from '../usage.ts'

/** What a customer's calls of one local day came to, net, under the plan that was stamped on them. */
export interface DayUse {
  readonly day: number
  readonly customer: string
  /** '' = none. */
  readonly tier: string
  readonly calls: number
  readonly tokens: number
  readonly cost: Nano
  /** How many of the calls have no price: their cost is in no sum. */
  readonly unpriced: number
}

/** What was metered of infrastructure in one local day. */
export interface DayMetered {
  readonly day: number
  readonly resource: string
  readonly service: string
  readonly meter: Meter
  readonly amount: bigint
  /** Of what has a rate. */
  readonly cost: Nano
  /** How many metered amounts have none. */
  readonly unknown: number
}

export interface MonthRows {
  readonly uses: readonly DayUse[]
  readonly metered: readonly DayMetered[]
}

/** What margin needs of the ledger. Days are local day numbers, `to` not in it. */
export interface MarginLedger {
  /** Reads one month, and all that was ever metered where `everMetered` is asked for, at one number. */
  load(from: number, to: number, everMetered?: 'everMetered'): Promise<Snapshot<MonthRows>>
  follow(from: number, onEntries: (batch: readonly Recorded[]) => void): Close
  /** Sessions with a call in [from, to), epoch milliseconds, by plan. */
  sessions(month: SessionSpan): Promise<Row[]>
}

export interface SessionSpan {
  /** First local day of it. */
  readonly day: number
  /** Epoch milliseconds, `to` not in it. */
  readonly from: number
  readonly to: number
}

/** Before and after all days that there are. */
const EVER = { from: -1_000_000, to: 1_000_000 }

export function marginLedger(ledger: Pick<Ledger, 'snapshot' | 'follow' | 'query'>): MarginLedger {
  return {
    follow: ledger.follow,
    load: (from, to, everMetered) =>
      ledger.snapshot(async (rows) => ({
        uses: await readUses(rows, { from, to }),
        metered: await readMetered(rows, everMetered ? EVER : { from, to }),
      })),
    sessions: ({ day, from, to }) => ledger.query('tier_sessions', { day, from, to }),
  }
}

interface Days {
  readonly from: number
  readonly to: number
}

async function readUses(rows: RowReader, days: Days): Promise<DayUse[]> {
  const list = await ask('margin_days', { ...days }, rows)
  return list.map((row) => ({
    day: Number(row.day),
    customer: String(row.customer),
    tier: String(row.tier ?? ''),
    calls: Number(row.calls),
    tokens: Number(row.tokens),
    cost: BigInt((row.cost as bigint | null) ?? 0n),
    unpriced: Number(row.unpriced),
  }))
}

async function readMetered(rows: RowReader, days: Days): Promise<DayMetered[]> {
  const list = await ask('metered_days', { ...days }, rows)
  return list.map((row) => ({
    day: Number(row.day),
    resource: String(row.resource),
    service: String(row.service),
    meter: String(row.meter) as Meter,
    amount: BigInt((row.amount as bigint | null) ?? 0n),
    cost: BigInt((row.cost as bigint | null) ?? 0n),
    unknown: Number(row.unknown),
  }))
}

/** Entries in the shape of rows; null for what margin has no use for. */
export function rowOf({ entry }: Recorded, calendar: Calendar): Found | null {
  if (entry.kind === 'metered') {
    const { resource, service, meter, amount, cost, start } = entry
    const row = { day: calendar.day(start), resource, service, meter, amount }
    return { metered: { ...row, cost: cost ?? 0n, unknown: cost === null ? 1 : 0 } }
  }
  if (entry.kind !== 'usage' && entry.kind !== 'correction') return null
  const calls = entry.kind === 'usage' ? 1 : entry.calls
  const use = {
    day: calendar.day(entry.start),
    customer: entry.customer,
    tier: entry.tier ?? '',
    calls,
    tokens: totalTokens(entry.tokens),
    cost: entry.cost ?? 0n,
    unpriced: entry.basis === 'unpriced' ? calls : 0,
  }
  return { use }
}

export type Found =
  | { readonly use: DayUse; readonly metered?: never }
  | { readonly metered: DayMetered; readonly use?: never }
