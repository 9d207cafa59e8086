import { type Asker, createAsker, type Verdict } from '../decisions/asker.ts'
import type { Question, Refusal, Unreachable } from '../decisions/wire.ts'
import { MODELS } from '../models.ts'
import { Rng, uuid } from '../random.ts'
import { type Agenda, createAgenda } from './agenda.ts'
import { type Account, type Books, createBooks } from './books.ts'
import { createDelivery, type Delivery } from './delivery.ts'
import { CALL_KINDS, type CallKind, callsOf, costOf, type PlannedCall, tokensOf, usualCosts } from './kinds.ts'
import { type Asked, earlierRecord, refusedRecord, successRecord, whose } from './record.ts'
import { type CallersSummary, summaryOf } from './summary.ts'

/** All durations are milliseconds of the callers' own time, which runs `speed` times as fast as the clock. */
export interface CallersOptions {
  /** Of `/v1/decisions`, and of `/v1/sources/litellm`, with the key for both. */
  readonly url: string
  readonly ingestUrl: string
  readonly key: string | null
  /** How many customers there are, how each is called, and its limit in nano-dollars. */
  readonly customers: number
  readonly nameOf: (customer: number) => string
  readonly limitOf: (customer: number) => bigint
  /** What the ledger is told that a customer has spent before, nano-dollars. Default nothing. */
  readonly spentBefore?: (customer: number) => bigint
  readonly callersPerCustomer: number
  /** Default: `CALL_KINDS`. */
  readonly kinds?: readonly CallKind[]
  /** How long after its end the record of a call arrives. */
  readonly settle: Span
  /** How long a caller waits between two calls, and after a refusal. */
  readonly pause: Span
  readonly pauseRefused: Span
  /** Refusals in a row after which a caller gives up. */
  readonly patience: number
  readonly faults?: CallersFaults
  /** When everybody stops at the latest. */
  readonly forMs: number
  readonly speed: number
  /** Milliseconds by the clock that an answer is waited for, and what becomes of calls without one. */
  readonly deadlineMs: number
  readonly unreachable: Unreachable
  readonly seed: number
  readonly now?: () => number
  readonly signal: AbortSignal
}

export interface Span {
  readonly minMs: number
  readonly maxMs: number
}

export interface CallersFaults {
  /** When the gateway is killed: calls under way are paid for, and nobody hears of them. */
  readonly gatewayKills?: readonly number[]
  /** When nothing passes between gateway and exporter. */
  readonly cuts?: readonly { readonly fromMs: number; readonly forMs: number }[]
}

const FLUSH_MS = 200
const BATCH = 500
const SOCKETS = 64
/** How long the gateway asks nothing after many failures in a row. */
const REST_MS = 1_000
/** A caller begins within this time. */
const RAMP_MS = 30_000
/** How far a count of tokens may be off, and the bytes of a token from four. */
const MISCOUNTED = 0.03
const UNEVEN = 0.1

/**
 * Many callers of many customers behind one stand-in for a gateway: each asks before its call, obeys, makes it at a provider
 * that obeys `max_tokens`, and reports it later. Keeps what was truly spent, and judges each refusal by what was truly free.
 * Ends when all callers have given up or the time is over, and all records are acknowledged. What lies in the seed is the
 * same in each run; the order in which answers arrive is not.
 */
export async function runCallers(options: CallersOptions): Promise<CallersSummary> {
  const run = open(options)
  const { agenda, asker, delivery, signal, now } = run
  const delivered = async () => {
    while (delivery.waiting() > 0 && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, FLUSH_MS))
  }
  const flush = (): void => {
    void delivery.send()
    agenda.at(now() + FLUSH_MS, flush)
  }
  flush()
  tellBefore(run)
  await delivered()
  run.begin()
  for (const time of options.faults?.gatewayKills ?? []) agenda.at(run.later(time), () => kill(run))
  await new Promise<void>((resolve) => {
    run.onLeft = resolve
    const rng = new Rng(options.seed, 20)
    for (const caller of run.callers) agenda.at(run.later(rng.between(0, RAMP_MS)), () => ask(run, caller))
  })
  await delivered()
  agenda.clear()
  asker.close()
  return summaryOf({ books: run.books, count: run.count, asker: asker.stats(), tookMs: run.tookMs })
}

interface Caller {
  readonly account: Account
  readonly rng: Rng
  refusals: number
}

interface Run {
  readonly options: CallersOptions
  readonly callers: readonly Caller[]
  readonly draw: (rng: Rng) => PlannedCall
  /** What a usual call of each kind costs. */
  readonly usual: ReadonlyMap<string, number>
  readonly agenda: Agenda
  readonly asker: Asker
  readonly delivery: Delivery
  readonly books: Books
  readonly now: () => number
  /** The clock's time in so many milliseconds of the callers' own. */
  readonly later: (ms: number) => number
  readonly isOver: () => boolean
  readonly signal: AbortSignal
  readonly tookMs: number[]
  readonly count: { clamped: number; lost: number; unreachable: number; degraded: number }
  /** From now on the callers' own time passes. */
  readonly begin: () => void
  /** How often the gateway was killed. */
  kills: number
  left: number
  onLeft: () => void
}

function open(options: CallersOptions): Run {
  const { now = Date.now, speed, seed, signal, kinds = CALL_KINDS, faults = {} } = options
  let begun = now()
  const passed = (): number => (now() - begun) * speed
  const reachable = (): boolean =>
    !(faults.cuts ?? []).some(({ fromMs, forMs }) => passed() >= fromMs && passed() < fromMs + forMs)
  const tookMs: number[] = []
  const { url, key, deadlineMs, unreachable } = options
  const onAnswered = (ms: number) => void tookMs.push(ms)
  const restMs = REST_MS / speed
  const asked = { now, reachable, onAnswered, restMs, sockets: SOCKETS }
  const asker = createAsker({ url, key, deadlineMs, unreachable, ...asked })
  const undecided = () => asker.stats().undecided
  const books = createBooks(
    Array.from({ length: options.customers }, (_, index) => ({
      customer: options.nameOf(index),
      limit: Number(options.limitOf(index)),
    })),
  )
  const callers = Array.from({ length: options.customers * options.callersPerCustomer }, (_, index) => ({
    account: books.account(index % options.customers),
    rng: new Rng(seed, index, 21),
    refusals: 0,
  }))
  return {
    options,
    callers,
    draw: callsOf(kinds),
    usual: usualCosts(kinds),
    agenda: createAgenda(now),
    asker,
    delivery: createDelivery({ url: options.ingestUrl, key, now, reachable, undecided, batchSize: BATCH }),
    books,
    now,
    later: (ms) => now() + ms / speed,
    isOver: () => signal.aborted || passed() >= options.forMs,
    signal,
    begin: () => {
      begun = now()
    },
    tookMs,
    count: { clamped: 0, lost: 0, unreachable: 0, degraded: 0 },
    kills: 0,
    left: 0,
    onLeft: () => undefined,
  }
}

/** One call a customer, long over. */
function tellBefore({ options, books, delivery, now }: Run): void {
  const rng = new Rng(options.seed, 22)
  for (let index = 0; index < options.customers; index++) {
    const cost = Number(options.spentBefore?.(index) ?? 0n)
    if (cost === 0) continue
    const account = books.account(index)
    books.before(account, cost)
    delivery.add(earlierRecord(uuid(rng), account.customer, cost, now()), now(), () =>
      books.posted(account, { cost, usual: 0 }),
    )
  }
}

function kill(run: Run): void {
  run.kills += 1
  run.delivery.restart()
}

function ask(run: Run, caller: Caller): void {
  if (run.isOver() || caller.refusals >= run.options.patience) {
    leave(run)
    return
  }
  const { rng, account } = caller
  const plan = run.draw(rng)
  const asked: Asked = { callId: uuid(rng), customer: account.customer, model: plan.model }
  const counted = Math.round(plan.inputTokens * rng.between(1 - MISCOUNTED, 1 + MISCOUNTED))
  const kills = run.kills
  const decided = (verdict: Verdict): void => {
    // A gateway that was killed between answer and call has made no call.
    if (kills !== run.kills) again(run, caller, run.options.pause)
    else if (verdict.kind === 'refused') refuse(run, caller, { plan, asked, verdict })
    else make(run, caller, { plan, asked, verdict })
  }
  void run.asker.ask(questionOf(asked, plan, rng), () => counted).then(decided)
}

function leave(run: Run): void {
  run.left += 1
  if (run.left === run.callers.length) run.onLeft()
}

function again(run: Run, caller: Caller, { minMs, maxMs }: Span): void {
  run.agenda.at(run.later(caller.rng.between(minMs, maxMs)), () => ask(run, caller))
}

function questionOf(asked: Asked, { model, inputTokens, maxTokens }: PlannedCall, rng: Rng): Question {
  return {
    version: 1,
    call_id: asked.callId,
    model: model.group,
    call_type: 'acompletion',
    ...(maxTokens === null ? {} : { max_tokens: maxTokens }),
    n: 1,
    input: {
      bytes: Math.round(inputTokens * 4 * rng.between(1 - UNEVEN, 1 + UNEVEN)),
      images: 0,
      opaque: 0,
      cache_writes: false,
    },
    record: whose(asked),
  }
}

interface Decided<V extends Verdict> {
  readonly plan: PlannedCall
  readonly asked: Asked
  readonly verdict: V
}

function refuse(run: Run, caller: Caller, { plan, asked, verdict }: Decided<Verdict & { kind: 'refused' }>): void {
  const { account } = caller
  const { refusal, reason }: { refusal: Refusal; reason: string } = verdict
  if (reason === 'unreachable') run.count.unreachable += 1
  else run.books.refused(account, plan.kind, run.usual.get(plan.kind) ?? 0)
  const record = refusedRecord({ ...asked, action: 'block', reason }, refusal, run.now())
  run.delivery.add(record, run.now(), () => undefined)
  // Nobody gives up because of a gateway that cannot ask for a while.
  if (reason !== 'unreachable') caller.refusals += 1
  again(run, caller, run.options.pauseRefused)
}

/** The provider stops where it is told to; what it will have written is known from the start. */
function make(
  run: Run,
  caller: Caller,
  { plan, asked, verdict }: Decided<Exclude<Verdict, { kind: 'refused' }>>,
): void {
  const { account, rng } = caller
  caller.refusals = 0
  const answer = verdict.kind === 'decided' ? verdict.answer : null
  const answeredBy = MODELS.find(({ group }) => group === answer?.model) ?? plan.model
  const wished = Math.min(plan.output, plan.maxTokens ?? Number.POSITIVE_INFINITY)
  const output = Math.min(wished, answer?.max_tokens ?? Number.POSITIVE_INFINITY)
  if (output < wished) run.count.clamped += 1
  if (answer?.action === 'degrade') run.count.degraded += 1
  const tokens = tokensOf(plan.inputTokens, output)
  const costs = { cost: costOf(answeredBy, tokens), usual: run.usual.get(plan.kind) ?? 0 }
  const start = run.now()
  const kills = run.kills
  run.books.begin(account, costs)
  run.agenda.at(run.later(answeredBy.firstTokenMs + output * answeredBy.tokenMs), () => {
    run.books.end(account, costs)
    if (kills === run.kills) {
      const done = { ...asked, action: answer?.action ?? 'undecided', reason: answer?.reason ?? 'unreachable' }
      const ended = { start, end: run.now(), answeredBy, tokens, truncated: output < plan.output }
      const { minMs, maxMs } = run.options.settle
      const due = run.later(rng.between(minMs, maxMs))
      run.delivery.add(successRecord(done, ended), due, () => run.books.posted(account, costs))
    } else {
      run.count.lost += 1
    }
    again(run, caller, run.options.pause)
  })
}
