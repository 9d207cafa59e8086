import type { Logger } from 'pino'
import { type LitellmClient, litellmClient } from '../clients/litellm.ts'
import type { LitellmPoll, Policy } from '../policy/policy.ts'
import { carryOut, type Outcome } from './carry-out.ts'
import type { Found, FoundBudget, FoundCustomer } from './found.ts'
import { isOurs } from './names.ts'
import { planBackstop } from './plan.ts'
import { type BackstopState, readingOf, UNREAD } from './state.ts'
import type { Plan } from './step.ts'
import { CannotBeWritten, troubleOf } from './trouble.ts'
import { type Wanted, wantedOf } from './wanted.ts'

export interface BackstopOptions {
  readonly policy: () => Policy
  /** Each customer that is known besides those of the policy, with its tier now; null = not known. */
  readonly knownCustomers: () => ReadonlyMap<string, string | null>
  /** How LiteLLM's lists are read. */
  readonly readers: ListReaders
  /** By what name the policy and `knownCustomers` have a customer of LiteLLM; default: its id. */
  readonly nameOf?: (id: string) => string
  readonly log: Logger
  readonly now: () => number
  readonly random: () => number
  /** Resolves at the end of the time or when the signal aborts; never rejects. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

export interface ListReaders {
  customers(options: ReadOptions): Promise<Listing<FoundCustomer>>
  budgets(options: ReadOptions): Promise<Listing<FoundBudget>>
}

interface ReadOptions {
  readonly client: LitellmClient
  readonly signal: AbortSignal
}

/** By id; `cut` when there is more. */
interface Listing<T> {
  readonly entries: ReadonlyMap<string, T>
  readonly cut: boolean
}

export interface Backstop {
  /** Null while the policy has no backstop. */
  state(): BackstopState | null
  /** Has it look within a second: customers or their tiers have changed. It sees a new policy by itself, as soon. */
  wake(): void
  /** Ends it, within a moment also in the middle of a call. LiteLLM's budgets stay. */
  close(): Promise<void>
}

const GLANCE = 500
/** Before it is tried again to take back what may not even be there. */
const UNWANTED = 300_000
/** Between two looks that it was woken for: customers come in numbers. */
const CALM = 500
const HOUR = 3_600_000
/** LiteLLM sets spend to zero every few seconds or minutes, as it is configured. */
const SOON = 5000
const WRITES = ['/budget/new', '/budget/update', '/budget/delete', '/customer/new', '/customer/update'] as const
const READS = ['/budget/list', '/customer/list'] as const

/**
 * Keeps LiteLLM's own budgets as the policy wants them, at `sources.litellm.poll`: reads, plans, writes, and reads again to
 * confirm; every `backstop.everyMs`, and at once when the policy changes. While the policy has no backstop, what is left of
 * ours in LiteLLM is taken away once. Never throws; what fails is told by `state` and logged when it changes.
 */
export function runBackstop(options: BackstopOptions): Backstop {
  const keeper = new Keeper(options)
  const running = keeper.run()
  return {
    state: () => keeper.state,
    wake: () => keeper.wake(),
    async close() {
      keeper.end()
      await running
    },
  }
}

/** What a round came to. */
interface Round {
  /** How long to wait; null = until something changes. */
  readonly waitMs: number | null
}

class Keeper {
  state: BackstopState | null = null
  private readonly options: BackstopOptions
  private readonly stop = new AbortController()
  private connection: { settings: LitellmPoll; client: LitellmClient; writableAt: number | null } | null = null
  /** What the running or last round was begun for. */
  private seen: Policy | null = null
  private woken = false
  private nap: AbortController | null = null
  private failures = 0
  /** Rounds in a row after which somebody still waited for LiteLLM. */
  private waits = 0

  constructor(options: BackstopOptions) {
    this.options = options
  }

  wake(): void {
    this.woken = true
  }

  end(): void {
    this.stop.abort()
    this.nap?.abort()
  }

  async run(): Promise<void> {
    while (!this.stop.signal.aborted) {
      const policy = this.options.policy()
      if (policy !== this.seen) this.failures = 0
      this.seen = policy
      this.woken = false
      this.follow(policy.sources.litellm.poll)
      const { waitMs } = await this.round(policy).catch((error: unknown) => this.tell(error, policy))
      await this.rest(waitMs)
    }
    this.connection?.client.close()
  }

  private changed(): boolean {
    return this.options.policy() !== this.seen
  }

  private async rest(ms: number | null): Promise<void> {
    const { sleep } = this.options
    let left = ms ?? Number.POSITIVE_INFINITY
    for (let rested = 0; left > 0 && !this.stop.signal.aborted && !this.changed(); rested += GLANCE, left -= GLANCE) {
      if (this.woken && rested >= CALM) return
      this.nap = new AbortController()
      await sleep(Math.min(left, GLANCE), this.nap.signal)
    }
    this.nap = null
  }

  private follow(settings: LitellmPoll | null): void {
    const before = this.connection?.settings ?? null
    if (settings === before) return
    // What was read of another LiteLLM must not stand for this one.
    if (settings?.url !== before?.url) this.state = null
    this.connection?.client.close()
    const { now } = this.options
    this.connection = settings && {
      settings,
      client: litellmClient({ baseUrl: settings.url, key: settings.key, timeoutMs: settings.timeoutMs, now }),
      writableAt: null,
    }
  }

  private async round(policy: Policy): Promise<Round> {
    const { backstop } = policy.budgets
    if (this.connection === null) {
      const failed = 'LiteLLM cannot be given budgets: sources.litellm.poll does not say where it is.'
      this.show(backstop === null ? null : { failed })
      return { waitMs: null }
    }
    const wanted = wantedOf({ policy, known: this.options.knownCustomers(), now: this.options.now() })
    if (wanted.period === null) return this.takeBack(wanted, backstop !== null)
    await this.needWritable()
    const { plan, outcome } = await this.bringAbout(wanted)
    if (this.changed()) return { waitMs: 0 }
    if (outcome.failed > 0) throw outcome.errors[0]
    this.failures = 0
    this.show({ failed: null })
    return { waitMs: this.untilNext(plan, backstop?.everyMs ?? HOUR) }
  }

  private untilNext(plan: Plan, everyMs: number): number {
    this.waits = plan.waiting > 0 ? this.waits + 1 : 0
    return plan.waiting > 0 ? Math.min(everyMs, SOON * 2 ** Math.min(this.waits - 1, 10)) : everyMs
  }

  /** Once for a policy without a backstop. */
  private async takeBack(wanted: Wanted, isPolicy: boolean): Promise<Round> {
    if (!isPolicy) this.show(null)
    const { budgets } = this.options.readers
    const { entries } = await budgets(this.reading())
    if (![...entries.keys()].some(isOurs)) {
      if (isPolicy) this.show({ ...UNREAD, note: wanted.note, differences: 0, lastConfirmed: this.options.now() })
      return { waitMs: null }
    }
    const { plan, outcome } = await this.bringAbout(wanted, isPolicy)
    if (outcome.failed > 0) throw outcome.errors[0]
    if (isPolicy) this.show({ failed: null })
    return { waitMs: plan.steps.length === 0 ? null : SOON }
  }

  /** Reads, plans, writes, and reads again; resolves with what is then still to do, and how the writing went. */
  private async bringAbout(wanted: Wanted, shown = true): Promise<{ plan: Plan; outcome: Outcome }> {
    const { signal } = this.stop
    const { client } = this.reading()
    let found = await this.find()
    let plan = planBackstop({ wanted, found })
    if (shown) this.show(readingOf(plan, found, wanted))
    if (plan.steps.length === 0) return { plan, outcome: { done: 0, failed: 0, errors: [] } }
    const outcome = await carryOut(plan.steps, { client, signal, stale: () => this.changed() })
    this.options.log.info({ ...counts(plan), done: outcome.done, failed: outcome.failed }, 'wrote budgets to LiteLLM')
    if (signal.aborted || this.changed()) return { plan, outcome }
    found = await this.find()
    plan = planBackstop({ wanted, found })
    if (shown) this.show(readingOf(plan, found, wanted))
    return { plan, outcome }
  }

  private async find(): Promise<Found> {
    const { readers, now, nameOf } = this.options
    const at = now()
    const budgets = await readers.budgets(this.reading())
    const customers = await readers.customers(this.reading())
    const cut = budgets.cut || customers.cut
    return { at, budgets: budgets.entries, customers: customers.entries, cut, ...(nameOf && { nameOf }) }
  }

  private reading(): ReadOptions {
    if (this.connection === null) throw new Error('no LiteLLM is known')
    return { client: this.connection.client, signal: this.stop.signal }
  }

  /** LiteLLM says once an hour what it has. */
  private async needWritable(): Promise<void> {
    const { connection, stop, options } = this
    const at = options.now()
    if (connection === null || (connection.writableAt !== null && Math.abs(at - connection.writableAt) < HOUR)) return
    const needed = [...READS, ...WRITES]
    const present = await connection.client.endpoints(needed, stop.signal)
    const missing = needed.filter((path) => !present.has(path))
    if (missing.length > 0)
      throw new CannotBeWritten(`This LiteLLM has no ${missing.join(', ')}: its budgets cannot be written.`)
    connection.writableAt = at
  }

  private show(change: Partial<BackstopState> | null): void {
    const { log } = this.options
    const before = this.state
    this.state = change === null ? null : { ...(before ?? UNREAD), ...change }
    const [was, is] = [before?.failed ?? null, this.state?.failed ?? null]
    if (is !== null && is !== was) log.warn({ reason: is }, "LiteLLM's budgets are not as the policy wants them")
    if (is === null && was !== null) log.info("LiteLLM's budgets can be written again")
    const note = this.state?.note ?? null
    if (note !== null && note !== before?.note) log.warn({ note }, "of LiteLLM's budgets")
  }

  private tell(error: unknown, policy: Policy): Round {
    if (this.stop.signal.aborted) return { waitMs: 0 }
    const { delayMs, reason } = troubleOf(error, this.failures++, this.options.random)
    // Who asked for no backstop need not hear that there is no LiteLLM to look into.
    if (policy.budgets.backstop !== null) this.show({ failed: reason })
    else if (this.failures === 1)
      this.options.log.info({ reason }, 'whether LiteLLM still has budgets of ours is not known')
    return { waitMs: policy.budgets.backstop === null ? Math.max(delayMs, UNWANTED) : delayMs }
  }
}

function counts({ steps }: Plan): Record<string, number> {
  const result: Record<string, number> = {}
  for (const { kind } of steps) result[kind] = (result[kind] ?? 0) + 1
  return result
}
