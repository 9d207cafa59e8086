import { openPriceBook } from '@marginwatch/pricing'
import { createCalendar } from '../../src/calendar.ts'
import type { Ask, Charge, Decision } from '../../src/budgets/ask.ts'
import { compileBudgets } from '../../src/budgets/compiled.ts'
import { decide } from '../../src/budgets/decide.ts'
import { createFold } from '../../src/budgets/fold.ts'
import { createMemoryHolds } from '../../src/budgets/holds.ts'
import { createModels } from '../../src/budgets/models.ts'
import { createUsual } from '../../src/budgets/usual.ts'
import type { Policy } from '../../src/policy/policy.ts'

/** A call as its maker sees it: what goes in, and how long the answer would be if nobody bounded it. */
export interface SimulatedCall {
  readonly model: string
  readonly bytes: number
  readonly inputTokens: number
  readonly output: number
  readonly maxTokens: number | null
  readonly durationMs: number
  /** From the end of the call to the event at the ledger. */
  readonly settlesAfterMs: number
}

export interface Simulation {
  readonly policy: Policy
  readonly limit: bigint
  readonly callers: number
  readonly call: () => SimulatedCall
  readonly random: () => number
  /** Virtual time at which everything ends, milliseconds. */
  readonly forMs: number
  /** Was spent and settled before it begins. */
  readonly spentBefore: bigint
  /** Answers of each model that are known when it begins. */
  readonly known: number
}

export interface Simulated {
  readonly spent: bigint
  readonly answered: number
  readonly refused: number
  readonly shortened: number
  readonly degraded: number
  /** Over all refusals: really free money beyond max(1 %, calls on their way × usual call), as a share of the limit. */
  readonly worstRefusal: number
  readonly falseRefusals: number
  /** The same with callers in place of calls on their way. */
  readonly strictRefusals: number
  readonly worstFree: number
  readonly heldAtEnd: bigint
}

const START = Date.UTC(2026, 10, 10, 12)
const BOOK = openPriceBook()
/** So long after the last answer nothing more is to be seen. */
const QUIET_MS = 90_000

/** Plays callers of one customer against the decisions, in virtual time, and keeps the truth beside them. */
export async function simulate(simulation: Simulation): Promise<Simulated> {
  const { policy, limit, callers, call, random, forMs, spentBefore, known } = simulation
  let now = START
  const clock = () => now
  const calendar = createCalendar(policy.timezone)
  const holds = createMemoryHolds()
  const budgets = compileBudgets(policy)
  const learnt = createUsual()
  const fold = createFold({
    budgets,
    calendar,
    usual: learnt,
    now: clock,
    held: (key) => holds.held(key, now).amount,
    onReached: () => undefined,
    onSpent: () => undefined,
    onAgent: () => undefined,
  })
  const models = createModels(policy, BOOK, clock)
  const who = { customer: 'acme', tier: 'tier_1', user: null, session: null, agent: null, trace: null, queryType: null }
  const queue = createQueue()
  const costOf = (one: SimulatedCall, model: string, output: number): bigint =>
    BOOK.cost(model, { input: one.inputTokens, output }, { at: START })?.cost ?? 0n

  // What an unbounded call usually costs: the tail of what the caller makes, not of what was let through.
  const samples = Array.from({ length: 2_000 }, call)
  const p99Input = samples.map((one) => one.inputTokens).sort((a, b) => a - b)[1_980] ?? 0
  const usual = samples.map((one) => costOf(one, one.model, wanted(one)))
  const p99 = usual.sort((a, b) => (a < b ? -1 : 1))[Math.floor(usual.length * 0.99)] ?? 0n

  const cheaper = models.cheaperThan(call().model)
  for (let i = 0; i < known; i++) {
    const one = call()
    for (const model of [one.model, ...(cheaper === null ? [] : [cheaper])])
      learnt.note(models.of(model).own, wanted(one))
  }
  const add = (cost: bigint, calls: number) =>
    fold.meters.add({ customer: 'acme', tier: 'tier_1', agent: null, session: null, start: START, cost, calls })
  add(spentBefore, 0)

  const result = { answered: 0, refused: 0, shortened: 0, degraded: 0, falseRefusals: 0, strictRefusals: 0 }
  let worst = Number.NEGATIVE_INFINITY
  let worstFree = 0
  let spent = spentBefore
  let unsettled = 0
  let answeredAt = now
  let ending = false
  let seq = 0

  const consider = (ask: Ask): Decision => {
    const readings = fold.meters.of(who, now).map((meter) => {
      const held = holds.held(meter.key, now)
      return {
        meter,
        spent: fold.meters.spent(meter),
        held: held.amount,
        inFlight: held.calls,
        crowd: Math.max(1, held.calls + 1, held.crowd),
      }
    })
    return decide(ask, { budgets, models, usual: fold.usual, readings, agentPaused: false, session: null })
  }
  const ask = (one: SimulatedCall, callId: string, counted: boolean): Ask => ({
    callId,
    model: one.model,
    maxTokens: one.maxTokens,
    answers: 1,
    input: {
      bytes: one.bytes,
      tokens: counted ? Math.round(one.inputTokens * (0.97 + 0.06 * random())) : null,
      images: 0,
      opaque: 0,
      cacheWrites: false,
    },
    serviceTier: null,
    settles: true,
    needs: [],
    who,
  })
  const turn = async (caller: number) => {
    if (ending) return
    const one = call()
    const callId = `00000000-0000-4000-8000-${String(++seq).padStart(12, '0')}`
    let asked = ask(one, callId, false)
    let decision = consider(asked)
    if (decision.action === 'count') {
      asked = ask(one, callId, true)
      decision = consider(asked)
    }
    if (decision.action === 'block' || decision.action === 'count') {
      result.refused++
      const free = limit - spent
      // What the program has seen of answers is what it can know to be usual.
      const seen = costOf({ ...one, inputTokens: p99Input }, one.model, fold.usual.output(models.of(one.model).own))
      const usualCall = max(p99, seen)
      const slack = max(limit / 100n, BigInt(unsettled + 1) * usualCall)
      if (free > slack) result.falseRefusals++
      if (free > max(limit / 100n, BigInt(callers) * usualCall)) result.strictRefusals++
      worst = Math.max(worst, Number(((free - slack) * 1_000_000n) / limit) / 1_000_000)
      worstFree = Math.max(worstFree, Number((free * 1_000_000n) / limit) / 1_000_000)
      queue.at(now + 2_000 + random() * 3_000, () => turn(caller))
      return
    }
    const charges: readonly Charge[] = decision.charges
    const short = await holds.tryHold({
      callId,
      charges,
      at: now,
      expires: Number.POSITIVE_INFINITY,
      seq: 0,
      call: { ...who, modelAsked: one.model, model: decision.model, own: decision.model, counted: null, amount: 0n },
    })
    if (short !== null) throw new Error('a decision did not fit into what it was made from')
    const bound = decision.maxTokens ?? one.maxTokens ?? Number.POSITIVE_INFINITY
    const whole = wanted({ ...one, model: decision.model })
    const output = Math.min(whole, bound)
    if (output < whole) result.shortened++
    if (decision.action === 'degrade') result.degraded++
    const cost = costOf(one, decision.model, output)
    spent += cost
    unsettled++
    result.answered++
    answeredAt = now
    queue.at(now + one.durationMs, () => turn(caller))
    queue.at(now + one.durationMs + one.settlesAfterMs, () => {
      unsettled--
      add(cost, 1)
      fold.usual.note(models.of(decision.model).own, output)
      void holds.settle(callId)
    })
  }
  for (let caller = 0; caller < callers; caller++) queue.at(now + random() * 500, () => turn(caller))
  for (let next = queue.next(); next !== null; next = queue.next()) {
    now = next.at
    // The time is over, or everything is settled and nobody got anything for long.
    ending ||= now >= START + forMs || (unsettled === 0 && now - answeredAt > QUIET_MS)
    await next.run()
  }
  const [meter] = fold.meters.of(who, now)
  return { ...result, spent, worstRefusal: worst, worstFree, heldAtEnd: holds.held(meter?.key ?? '', now).amount }
}

/** Tokens of the answer if nobody else bounds it: a model writes no more than it can. */
function wanted({ model, output, maxTokens }: SimulatedCall): number {
  const most = BOOK.limits(model, {})?.maxOutput ?? Number.POSITIVE_INFINITY
  return Math.min(output, maxTokens ?? most, most)
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

interface Event {
  readonly at: number
  readonly run: () => unknown
}

/** Events in order of time: a heap. */
function createQueue() {
  const heap: Event[] = []
  const up = (i: number) => {
    while (i > 0) {
      const parent = (i - 1) >> 1
      if ((heap[parent] as Event).at <= (heap[i] as Event).at) return
      ;[heap[parent], heap[i]] = [heap[i] as Event, heap[parent] as Event]
      i = parent
    }
  }
  const down = () => {
    for (let i = 0; ; ) {
      const [left, right] = [2 * i + 1, 2 * i + 2]
      let least = i
      if (left < heap.length && (heap[left] as Event).at < (heap[least] as Event).at) least = left
      if (right < heap.length && (heap[right] as Event).at < (heap[least] as Event).at) least = right
      if (least === i) return
      ;[heap[least], heap[i]] = [heap[i] as Event, heap[least] as Event]
      i = least
    }
  }
  return {
    at(at: number, run: () => unknown) {
      heap.push({ at, run })
      up(heap.length - 1)
    },
    next(): Event | null {
      const first = heap[0]
      const last = heap.pop()
      if (!first || !last) return null
      if (heap.length > 0) {
        heap[0] = last
        down()
      }
      return first
    },
  }
}
