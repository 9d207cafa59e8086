import type { Logger } from 'pino'
import type { Calendar } from '../calendar.ts'
import { dayText } from '../calendar.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Policy } from '../policy/policy.ts'
import type { RosterReading } from '../policy/roster-file.ts'
import type { PlanPrice, RosterChange, RosterOrigin } from '../usage.ts'
import { differences, missingSteps, sameBefore, samePricesBefore } from './differences.ts'
import { changesOf, pricesOf, type Saying } from './entries.ts'
import type { RosterFold } from './fold.ts'
import { type Span, valueAt } from './spans.ts'
import { type Said, wantedOf, wantedPrices } from './wanted.ts'

export interface KeeperDeps {
  readonly ledger: Pick<Ledger, 'append'>
  readonly fold: RosterFold
  readonly calendar: Calendar
  readonly policy: () => Policy
  /** What the roster file says; null = there is none. */
  readonly file: () => RosterReading | null
  /** The tier of each customer that LiteLLM names one for; null while it has said nothing. */
  readonly litellm: () => ReadonlyMap<string, string> | null
  /** Name under which a customer's calls are kept. */
  readonly nameOf: (id: string) => string
  readonly log: Logger
  readonly now: () => number
}

export interface Keeper {
  /** The files may say something else: the next `sync` looks at them. */
  filesChanged(): void
  /**
   * Writes down what LiteLLM says by now, and the files where they changed or a month began: two exporters whose files differ
   * do not quarrel for ever. Those that ask meanwhile wait for their turn. Rejects when it cannot be written: then all is tried
   * again next time.
   */
  sync(): Promise<void>
  /** What the files say of months that are over and that does not count, in sentences. */
  notes(): readonly string[]
}

const NOTHING: readonly Span<Said>[] = Object.freeze([])
const FILE: Saying = { by: 'file', reason: 'so says the policy file, or the file of customers' }
const NOT_IN_FILE: Saying = { by: 'file', reason: 'no file names this customer any more' }
const LITELLM: Saying = { by: 'litellm', reason: 'LiteLLM gives the customer this tier by its budget or its key' }
const NOT_IN_LITELLM: Saying = { by: 'litellm', reason: 'LiteLLM gives the customer no tier any more' }
const SWITCHED_OFF: Saying = { by: 'policy', reason: 'the policy takes no customers from there any more' }

/**
 * Keeps the ledger's roster in step with the files and with LiteLLM. What they say differently from the ledger is written from
 * the start of the running month on: a month that is over does not move, but for an origin that never said anything.
 */
export function createKeeper(deps: KeeperDeps): Keeper {
  let queue: Promise<unknown> = Promise.resolve()
  let notes: readonly string[] = []
  let changes = 0
  let looked = { changes: -1, month: Number.NaN }
  const once = async () => {
    const { fold, policy, log } = deps
    const now = { changes, month: monthStart(deps) }
    const same = looked.changes === now.changes && looked.month === now.month
    const found = same ? { entries: [], notes } : ofFiles(deps)
    const entries = [
      ...found.entries,
      ...(policy().roster.litellm ? ofLitellm(deps) : switchedOff(deps, 'litellm')),
      ...(policy().roster.traffic ? [] : switchedOff(deps, 'traffic')),
    ]
    if (entries.length > 0) {
      const { seq } = await deps.ledger.append(entries)
      await fold.reached(seq)
      const customers = new Set(entries.map((entry) => (entry.kind === 'roster_change' ? entry.customer : null)))
      log.info({ entries: entries.length, customers: customers.size }, 'roster: what it says of the customers is new')
    }
    if (found.notes.length > 0 && found.notes.join() !== notes.join())
      log.warn({ notes: found.notes.slice(0, 20), of: found.notes.length }, 'roster: months that are over do not move')
    notes = found.notes
    looked = now
  }
  return {
    filesChanged() {
      changes++
    },
    sync() {
      const turn = queue.then(once)
      queue = turn.catch(() => undefined)
      return turn
    },
    notes: () => notes,
  }
}

interface Found {
  readonly entries: (RosterChange | PlanPrice)[]
  readonly notes: string[]
}

/** What policy and roster file say differently from the ledger. */
function ofFiles(deps: KeeperDeps): Found {
  const { fold, policy, file, nameOf } = deps
  const { timeline } = fold
  const month = monthStart(deps)
  const prices = pricesIn(deps, month)
  const reading = file()
  const wanted = wantedOf([...policy().customers, ...(reading?.entries ?? [])], nameOf)
  const unclear = new Set([...(reading?.unclear ?? [])].map(nameOf))
  const since = timeline.count('file') === 0 ? -Infinity : month
  const { entries, notes } = prices
  const known = (customer: string) =>
    timeline.segments(customer, -Infinity, month).map(({ from, to, ...value }) => ({ from, to, value }))
  for (const [customer, spans] of wanted) {
    if (unclear.has(customer)) continue
    const said = timeline.said('file', customer)
    entries.push(...changesOf(timeline, 'file', customer, differences(spans, said, since), FILE))
    if (since === month && !sameBefore(spans, known(customer), month)) notes.push(noteOf(customer, deps, month))
  }
  // A row that cannot be read may be anybody's: then nobody is taken for having gone.
  if (reading !== null && !reading.whole) return { entries, notes }
  for (const customer of timeline.spokenOf('file')) {
    if (wanted.has(customer) || unclear.has(customer)) continue
    const gone = differences(NOTHING, timeline.said('file', customer), since)
    entries.push(...changesOf(timeline, 'file', customer, gone, NOT_IN_FILE))
  }
  return { entries, notes }
}

function pricesIn(deps: KeeperDeps, month: number): Found {
  const { timeline } = deps.fold
  const found: Found = { entries: [], notes: [] }
  const wanted = wantedPrices(deps.policy())
  const since = [...timeline.plans()].length === 0 ? -Infinity : month
  for (const tier of new Set([...wanted.keys(), ...timeline.plans()])) {
    const steps = wanted.get(tier) ?? []
    const recorded = timeline.priceSteps(tier).steps
    found.entries.push(...pricesOf(timeline, tier, missingSteps(steps, recorded, since)))
    // Of a plan that is no longer sold nothing is said of the past.
    if (since === month && wanted.has(tier) && !samePricesBefore(steps, recorded, month))
      found.notes.push(noteOf(`The price of ${tier}`, deps, month))
  }
  return found
}

function noteOf(who: string, { calendar }: KeeperDeps, month: number): string {
  const date = dayText(calendar.day(month))
  return `${who}: what is said of the time before ${date} came when that was over; it counts from ${date} on.`
}

/** LiteLLM speaks of the present alone: what it says anew holds from today on, and at its first word since ever. */
function ofLitellm(deps: KeeperDeps): RosterChange[] {
  const { litellm, fold, calendar, now, policy } = deps
  const tiers = litellm()
  if (tiers === null) return []
  const { timeline } = fold
  const today = calendar.dayStart(calendar.day(now()))
  const since = timeline.count('litellm') === 0 ? -Infinity : today
  const entries: RosterChange[] = []
  const last = (customer: string) => valueAt(timeline.said('litellm', customer), Number.MAX_VALUE)
  for (const [customer, tier] of tiers) {
    if (!Object.hasOwn(policy().tiers, tier) || last(customer)?.tier === tier) continue
    const spans = [{ from: since, to: Infinity, value: { tier, price: null } }]
    entries.push(...changesOf(timeline, 'litellm', customer, spans, LITELLM))
  }
  for (const customer of timeline.spokenOf('litellm')) {
    const tier = tiers.get(customer)
    if ((tier !== undefined && Object.hasOwn(policy().tiers, tier)) || last(customer) === undefined) continue
    const spans = differences(NOTHING, timeline.said('litellm', customer), today)
    entries.push(...changesOf(timeline, 'litellm', customer, spans, NOT_IN_LITELLM))
  }
  return entries
}

/** An origin that the policy does not want takes back what it said of this month and later. */
function switchedOff(deps: KeeperDeps, origin: RosterOrigin): RosterChange[] {
  const { timeline } = deps.fold
  const month = monthStart(deps)
  return [...timeline.spokenOf(origin)].flatMap((customer) =>
    changesOf(timeline, origin, customer, differences(NOTHING, timeline.said(origin, customer), month), SWITCHED_OFF),
  )
}

/** First moment of the running month. */
export function monthStart({ calendar, now }: Pick<KeeperDeps, 'calendar' | 'now'>): number {
  return calendar.dayStart(calendar.monthOf(calendar.day(now())))
}
