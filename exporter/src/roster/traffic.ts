import type { Logger } from 'pino'
import type { Calendar } from '../calendar.ts'
import type { Close, Ledger, Recorded, RowReader } from '../ledger/ledger.ts'
import { daySum } from '../ledger/queries.ts'
import type { Policy } from '../policy/policy.ts'
import { type RosterChange, UNATTRIBUTED } from '../usage.ts'
import { changesOf, type Saying } from './entries.ts'
import type { RosterFold } from './fold.ts'
import { createSightings, type Sighting } from './sightings.ts'
import { valueAt } from './spans.ts'

export interface TrafficDeps {
  readonly ledger: Pick<Ledger, 'append' | 'snapshot' | 'follow' | 'remember' | 'recall'>
  readonly fold: RosterFold
  readonly calendar: Calendar
  readonly policy: () => Policy
  readonly log: Logger
  /** So many customers are found at most; by default MOST_FOUND. */
  readonly most?: number
}

/** Finds customers in the calls that name a customer and a tier of the policy. */
export interface Traffic {
  /** Looks at the calls since the last time, then at each as it comes. Rejects when the ledger cannot be read. */
  open(): Promise<void>
  /** Writes down what was found; resolves when that is done. Rejects when the ledger cannot be written: then it is tried again next time. */
  settle(): Promise<void>
  /** The roster or the policy is another one: calls are judged anew. */
  renew(): void
  /** How many customers were left out since the start because too many were found already. */
  leftOut(): number
  close(): Promise<void>
}

export const MOST_FOUND = 10_000
const MOST_COUNTED = 100_000
const WATERMARK = 'roster/traffic'
const TRAFFIC: Saying = { by: 'traffic', reason: 'its calls name this tier' }

export function createTraffic(deps: TrafficDeps): Traffic {
  const { ledger, fold, calendar, policy } = deps
  const sightings = createSightings((tier) => policy().roster.traffic && Object.hasOwn(policy().tiers, tier))
  const judge = createJudge(deps)
  let seen = 0
  let written = 0
  let stop: Close | null = null
  let closed = false
  let queue: Promise<unknown> = Promise.resolve()
  let planned: NodeJS.Immediate | null = null

  const settle = async () => {
    const upTo = seen
    while (sightings.size > 0 && !closed) {
      for (const part of sightings.parts()) {
        if (closed) return
        const entries = judge.changes(part)
        if (entries.length > 0) {
          const { seq } = await ledger.append(entries)
          await fold.reached(seq)
        }
        sightings.done(part)
      }
    }
    if (closed || upTo <= written) return
    await ledger.remember(WATERMARK, String(upTo))
    written = upTo
  }
  const inTurn = () => {
    const turn = queue.then(settle)
    queue = turn.catch(() => undefined)
    return turn
  }
  const take = (batch: readonly Recorded[]) => {
    for (const { entry } of batch)
      if (entry.kind === 'usage') sightings.see(entry.customer, entry.tier, calendar.day(entry.start))
    seen = batch.at(-1)?.seq ?? seen
    if (sightings.size === 0) return
    planned ??= setImmediate(() => {
      planned = null
      // What cannot be written now stays among the sightings; the next call or the upkeep tries again.
      inTurn().catch(() => undefined)
    })
  }
  return {
    async open() {
      written = Number((await ledger.recall(WATERMARK)) ?? 0)
      const { seq, state } = await ledger.snapshot((rows) => readSightings(rows, written))
      for (const { customer, tier, day } of state) sightings.see(customer, tier, day)
      seen = seq
      if (!closed) stop = ledger.follow(seq + 1, take)
    },
    settle: inTurn,
    renew: sightings.renew,
    leftOut: judge.leftOut,
    async close() {
      await stop?.()
      if (planned !== null) clearImmediate(planned)
      await inTurn().catch(() => undefined)
      closed = true
    },
  }
}

/** Decides what a part of the sightings says that is new, and counts those for whom there is no room. */
function createJudge({ fold, calendar, log, most = MOST_FOUND }: TrafficDeps) {
  const { timeline } = fold
  const leftOut = new Set<string>()
  const isFull = (customer: string, found: number) => {
    if (timeline.lastOf('traffic', customer) > 0 || timeline.count('traffic') + found < most) return false
    if (leftOut.size === 0) log.warn({ most }, 'roster: no more customers are taken from traffic; name them in a file')
    if (leftOut.size < MOST_COUNTED) leftOut.add(customer)
    return true
  }
  return {
    leftOut: () => leftOut.size,
    changes(part: readonly Sighting[]): RosterChange[] {
      const entries: RosterChange[] = []
      for (const { customer, tier, day } of part) {
        const from = calendar.dayStart(day)
        const decides = timeline.decides(customer, from)
        if (decides !== null && decides !== 'traffic') continue
        const said = timeline.said('traffic', customer)
        // Of two tiers on one day the first counts; the other one does from its next day on.
        if (valueAt(said, from)?.tier === tier || said.some((span) => span.from === from)) continue
        if (isFull(customer, entries.length)) continue
        const to = said.find((span) => span.from > from)?.from ?? Infinity
        entries.push(...changesOf(timeline, 'traffic', customer, [{ from, to, value: { tier, price: null } }], TRAFFIC))
      }
      return entries
    },
  }
}

/** Where the tier of a customer's calls changes from one day to the next; after a number of the ledger, 0 = ever. */
async function readSightings(rows: RowReader, after: number): Promise<Sighting[]> {
  const days =
    after === 0
      ? `${await daySum('day_customer', rows)}, days AS (SELECT customer, tier, day FROM day_sum
           WHERE tier <> '' AND customer <> '${UNATTRIBUTED}' GROUP BY customer, tier, day HAVING sum(calls) > 0)`
      : `WITH days AS (SELECT DISTINCT e.customer, n.tier, e.day FROM event e JOIN name_set n ON n.id = e.names
           WHERE e.seq > ${after} AND e.kind = 0 AND n.tier <> '' AND e.customer <> '${UNATTRIBUTED}')`
  const list = await rows(
    `${days}, changes AS (SELECT *, lag(tier) OVER (PARTITION BY customer ORDER BY day, tier) AS before FROM days)
     SELECT customer, tier, day FROM changes WHERE before IS NULL OR before <> tier ORDER BY day, customer, tier`,
  )
  return list.map((row) => ({ customer: String(row.customer), tier: String(row.tier), day: Number(row.day) }))
}
