import type { Logger } from 'pino'
import type { Calendar } from '../calendar.ts'
import type { Close, Ledger, Recorded, RowReader } from '../ledger/ledger.ts'
import { daySum } from '../ledger/queries.ts'
import type { Policy } from '../policy/policy.ts'
import { type RosterChange, UNATTRIBUTED } from '../usage.ts'
import { changesOf, type Saying } from './entries.ts'
import type { RosterFold } from './fold.ts'
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
const MOST_REMEMBERED = 20_000
const WATERMARK = 'roster/traffic'
const BATCH = 1_000
const TRAFFIC: Saying = { by: 'traffic', reason: 'its calls name this tier' }

/** On a local day, calls of a customer named a tier. */
interface Sighting {
  readonly customer: string
  readonly tier: string
  readonly day: number
}

export function createTraffic(deps: TrafficDeps): Traffic {
  const { ledger, fold, calendar, policy, log, most = MOST_FOUND } = deps
  const { timeline } = fold
  const sightings = new Map<string, Sighting>()
  /** The last day and tier of each customer that were looked at: nearly every call is like the one before. */
  const looked = new Map<string, { tier: string; day: number }>()
  const leftOut = new Set<string>()
  let seen = 0
  let written = 0
  let stop: Close | null = null
  let closed = false
  let queue: Promise<unknown> = Promise.resolve()
  /** Customers of the running batch that nothing was said of before. */
  const fresh = new Set<string>()

  const see = (customer: string, tier: string | null, day: number) => {
    if (tier === null || customer === UNATTRIBUTED) return
    const before = looked.get(customer)
    if (before !== undefined && before.tier === tier && before.day === day) return
    if (looked.size >= MOST_REMEMBERED) looked.clear()
    looked.set(customer, { tier, day })
    if (!policy().roster.traffic || !Object.hasOwn(policy().tiers, tier)) return
    sightings.set(JSON.stringify([customer, tier, day]), { customer, tier, day })
  }
  const take = (batch: readonly Recorded[]) => {
    for (const { entry } of batch)
      if (entry.kind === 'usage') see(entry.customer, entry.tier, calendar.day(entry.start))
    seen = batch.at(-1)?.seq ?? seen
    if (sightings.size > 0) later()
  }
  const changes = ({ customer, tier, day }: Sighting): RosterChange[] => {
    const from = calendar.dayStart(day)
    const decides = timeline.decides(customer, from)
    if (decides !== null && decides !== 'traffic') return []
    const said = timeline.said('traffic', customer)
    // Of two tiers on one day the first counts; the other one does from its next day on.
    if (valueAt(said, from)?.tier === tier || said.some((span) => span.from === from)) return []
    if (timeline.lastOf('traffic', customer) === 0 && timeline.count('traffic') + fresh.size >= most) {
      if (leftOut.size === 0)
        log.warn({ most }, 'roster: no more customers are taken from traffic; name them in a file')
      if (leftOut.size < MOST_COUNTED) leftOut.add(customer)
      return []
    }
    fresh.add(customer)
    const next = said.find((span) => span.from > from)?.from ?? Infinity
    return changesOf(timeline, 'traffic', customer, [{ from, to: next, value: { tier, price: null } }], TRAFFIC)
  }
  const settle = async () => {
    const upTo = seen
    while (sightings.size > 0 && !closed) {
      const found = [...sightings].sort(([, a], [, b]) => a.day - b.day)
      for (const batch of batches(found)) {
        if (closed) return
        fresh.clear()
        const entries = batch.flatMap(([, one]) => changes(one))
        if (entries.length > 0) {
          const { seq } = await ledger.append(entries)
          await fold.reached(seq)
        }
        for (const [key] of batch) sightings.delete(key)
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
  let planned: NodeJS.Immediate | null = null
  const later = () => {
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
      for (const { customer, tier, day } of state) see(customer, tier, day)
      seen = seq
      if (!closed) stop = ledger.follow(seq + 1, take)
    },
    settle: inTurn,
    renew: () => looked.clear(),
    leftOut: () => leftOut.size,
    async close() {
      await stop?.()
      if (planned !== null) clearImmediate(planned)
      await inTurn().catch(() => undefined)
      closed = true
    },
  }
}

/** Sightings in parts, each customer at most once in a part: what is said of the one decides of the next. */
function* batches(found: readonly [string, Sighting][]): Generator<[string, Sighting][]> {
  let batch = new Map<string, [string, Sighting]>()
  for (const one of found) {
    if (batch.size >= BATCH || batch.has(one[1].customer)) {
      yield [...batch.values()]
      batch = new Map()
    }
    batch.set(one[1].customer, one)
  }
  yield [...batch.values()]
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
