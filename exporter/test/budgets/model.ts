import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Ask, AskedBy, Decided, Meter, MeterReading } from '../../src/budgets/ask.ts'
import { createEngine, type Engine } from '../../src/budgets/engine.ts'
import { createMemoryHolds, type Holds } from '../../src/budgets/holds.ts'
import { type Journal, openJournal } from '../../src/budgets/journal.ts'
import type { Rung } from '../../src/budgets/ladder.ts'
import { shown } from '../../src/budgets/reached.ts'
import { isSpent } from '../../src/budgets/room.ts'
import { createCalendar } from '../../src/calendar.ts'
import type { Policy } from '../../src/policy/policy.ts'
import type { Action, Correction, Entry, Usage } from '../../src/usage.ts'
import { usage } from '../support/entries.ts'
import { createMemoryLedger, type MemoryLedger } from './memory-ledger.ts'
import { createOracle, type Oracle } from './oracle.ts'
import { asked, BOOK, LADDER, limited, policyOf, threshold, USD, WHO } from './support.ts'

export const ZONE = 'Europe/Berlin'
const calendar = createCalendar(ZONE)
const SILENT = pino({ level: 'silent' })
const CENT = USD / 100n
/** Two days before a month, a week and a turn of the clock are behind. */
const BEGIN = Date.UTC(2026, 9, 24, 9)

/** Policies between which the file is changed: limits raised and lowered, thresholds moved, calls given up forgiven. */
export const POLICIES: readonly Policy[] = [
  variant(1n, {}),
  variant(2n, {}),
  variant(1n, { unsettled: 'release' }),
  variant(3n, { customer: { ...LADDER, thresholds: [threshold(7_000, 'notify'), threshold(9_000, 'block')] } }),
]

function variant(factor: bigint, over: Partial<Policy['budgets']>): Policy {
  const spend = { severity: 'info', channels: [], message: '' } as const
  return policyOf(
    factor * 6n * CENT,
    {
      agent: limited(factor * 4n * CENT, {
        thresholds: [threshold(7_500, 'notify'), threshold(10_000, 'pause')],
        grace: 1_000,
      }),
      session: { limit: factor * 3n * CENT, warn: factor * 2n * CENT, tokensPerMinute: 6_000, calls: 14 },
      tiers: { tier_1: limited(factor * 10n * CENT, { period: 'week' }) },
      global: [limited(factor * 14n * CENT, { period: 'day' })],
      unknownCustomers: limited(factor * 2n * CENT),
      tenantDay: limited(factor * 5n * CENT, { period: 'day' }),
      spend: [
        { ...spend, name: 'day', usd: 5n * CENT, period: 'day' },
        { ...spend, name: 'talk', usd: CENT, period: 'conversation' },
      ],
      minOutputTokens: 100,
      ...over,
    },
    { timezone: ZONE, degrade: [{ from: 'gpt-4o', to: 'gpt-4o-mini' }] },
  )
}

/** Whoever calls. */
export const PAYERS: readonly AskedBy[] = [
  { ...WHO, customer: 'acme' },
  { ...WHO, customer: 'acme', session: 's1', agent: 'nightly' },
  { ...WHO, customer: 'globex', session: 's1' },
  { ...WHO, customer: 'globex', agent: 'nightly' },
  { ...WHO, customer: 'initech', tier: null, agent: 'importer' },
  { ...WHO, customer: 'unattributed', tier: null, session: 's2' },
]
const AGENTS = ['nightly', 'importer']

interface Call {
  readonly callId: string
  readonly who: AskedBy
  readonly at: number
  /** What it will cost if it succeeds; never more than it was sent on with. */
  readonly cost: bigint
  readonly own: string
  readonly output: number
  /** The keys and amounts that it holds; null when it never did, or no longer. */
  charges: Decided['decision']['charges'] | null
  expires: number
  ended: boolean
}

/** The budgets at work on a ledger in memory and a journal on disk, with the truth beside them. */
export class Model {
  now = BEGIN
  private latest = BEGIN
  private policy = POLICIES[0] as Policy
  private readonly ledger: MemoryLedger
  private readonly oracle: Oracle
  private readonly journalFile: string
  private readonly calls = new Map<string, Call>()
  private attached!: ReturnType<MemoryLedger['attach']>
  private engine!: Engine
  private holds!: Holds
  private journal!: Journal
  private ids = 0
  /** Events that a source could not bring into the ledger yet. */
  private kept: Entry[] = []
  /** Thresholds that must be written down, and those that a decision justified; by all that they are once for. */
  private readonly must = new Map<string, string>()
  private readonly may = new Set<string>()
  private readonly pauses = new Set<string>()
  /** Calls that were given up, and hold what they do until their estimate is heard of. */
  private readonly given = new Set<string>()
  private backlog = false

  constructor(directory: string, run: number) {
    this.journalFile = join(directory, `holds-${run}.journal`)
    this.ledger = createMemoryLedger(calendar, () => this.now)
    this.oracle = createOracle(this.ledger, (_, tier) => tier === 'tier_1')
  }

  async start(): Promise<void> {
    this.attached = this.ledger.attach()
    this.holds = createMemoryHolds()
    this.journal = openJournal({
      file: this.journalFile,
      now: () => this.now,
      onFailure(reason) {
        throw new Error(reason)
      },
    })
    this.engine = createEngine({
      ledger: this.attached,
      calendar,
      policy: () => this.policy,
      prices: () => BOOK,
      holds: this.holds,
      journal: this.journal,
      log: SILENT,
      now: () => this.now,
      backlog: () => this.backlog,
      onChange: () => undefined,
    })
    await this.engine.open()
    this.hear()
    this.expectUnsaid()
  }

  /** The process ends at this moment: nothing is written, nothing is closed properly. */
  async kill(): Promise<void> {
    this.attached.kill()
    this.journal.close()
    // What was waiting for the ledger is gone; what still holds then is found again.
    for (const key of this.must.keys()) if (!this.crossed().has(key)) this.must.delete(key)
    for (const key of this.pauses)
      if (!this.ledger.recorded.some(({ entry }) => entry.key === key)) this.pauses.delete(key)
    this.given.clear()
    await this.start()
  }

  remove(): void {
    this.journal.close()
    rmSync(this.journalFile, { force: true })
  }

  async ask({ payer, share, known, ...over }: AskStep): Promise<void> {
    const again =
      known === null
        ? undefined
        : // A gateway asks again within its deadline; of a call that was given up it has long had an answer.
          [...this.calls.values()].filter(
            (one) => one.charges !== null && !one.ended && one.expires > this.now && !this.given.has(one.callId),
          )[known]
    const who = again?.who ?? (PAYERS[payer % PAYERS.length] as AskedBy)
    const callId = again?.callId ?? `00000000-0000-4000-8000-${String(++this.ids).padStart(12, '0')}`
    const bytes = over.tokens * 4
    const ask = asked({
      ...over,
      callId,
      who,
      input: { bytes, tokens: null, images: 0, opaque: 0, cacheWrites: false },
    })
    let decided = await this.engine.decide(ask)
    if (decided.decision.action === 'count')
      decided = await this.engine.decide({ ...ask, input: { ...ask.input, tokens: over.tokens } })
    this.justify(decided)
    const { action, charges } = decided.decision
    if (action === 'block' || action === 'count') {
      must(action === 'block', () => 'a call whose input was counted is to be counted')
      const before = this.calls.get(callId)
      if (before) this.calls.delete(callId)
      return
    }
    const call = this.sentOn(decided, share)
    this.calls.set(callId, call)
    for (const { amount } of charges) must(amount >= call.cost, () => `${amount} is held for a cost of ${call.cost}`)
    this.expectWithinLines(decided)
  }

  /** The truth about a call, within what it was sent on with. */
  private sentOn({ ask, decision, at }: Decided, share: number): Call {
    const { model, maxTokens, charges } = decision
    const most = Math.min(maxTokens ?? ask.maxTokens ?? 16_384, 16_384)
    const output = Math.max(1, Math.round(most * share))
    const input = ask.input.tokens ?? ask.input.bytes
    const cost = BOOK.cost(model, { input, output }, { at })?.cost ?? 0n
    return {
      callId: ask.callId,
      who: ask.who,
      at,
      cost,
      own: model,
      output,
      charges,
      expires: at + 600_000 + 120_000,
      ended: false,
    }
  }

  /** Money that nobody can take back: what the ledger is known to hold and what is on its way never pass a line. */
  private expectWithinLines({ decision }: Decided): void {
    for (const { key, line } of decision.charges) {
      const reading = decision.readings.find(({ meter }) => meter.key === key) as MeterReading
      if (line === null) continue
      let sum = this.oracle.spent(reading.meter)
      for (const { charges, cost } of this.calls.values()) if (charges?.some((one) => one.key === key)) sum += cost
      must(sum <= line, () => `${shown(key)}: ${sum} of ${line}`)
    }
  }

  async end(which: number, how: 'success' | 'failed' | 'cancelled'): Promise<void> {
    const call = [...this.calls.values()].filter(({ ended }) => !ended)[which]
    if (!call) return
    call.ended = true
    await this.append([this.eventOf(call, how)])
  }

  async endTwice(which: number): Promise<void> {
    const call = [...this.calls.values()].filter(({ ended }) => ended)[which]
    if (call) await this.append([this.eventOf(call, 'success')])
  }

  private eventOf({ callId, who, at, cost, own, output }: Call, status: Usage['status']): Usage {
    const { customer, tier, session, agent } = who
    const base = { start: at, customer, tier, session, agent, model: own, status }
    if (status === 'failed') return usage(`litellm:${callId}:failed`, { ...base, cost: 0n, tokens: {} })
    return usage(`litellm:${callId}`, { ...base, cost, tokens: { input: 100, output } })
  }

  async undecided(payer: number, cost: bigint): Promise<void> {
    const { customer, tier, session, agent } = PAYERS[payer % PAYERS.length] as AskedBy
    const key = `litellm:ffffffff-0000-4000-8000-${String(++this.ids).padStart(12, '0')}`
    await this.append([usage(key, { start: this.now, customer, tier, session, agent, cost })])
  }

  async correct(which: number, cost: bigint): Promise<void> {
    const event = this.ledger.recorded.map(({ entry }) => entry).filter((entry) => entry.kind === 'usage')[which]
    if (!event) return
    const { key, kind: _, ...rest } = event
    const entry: Correction = {
      ...rest,
      kind: 'correction',
      key: `correction ${++this.ids}`,
      of: key,
      reason: 'repriced',
      by: 'test',
      calls: 0,
      tokens: {},
      cost,
    }
    await this.append([entry])
  }

  private async append(entries: Entry[]): Promise<void> {
    this.kept.push(...entries)
    if (!this.ledger.writable) return
    await this.ledger.append(this.kept.splice(0))
  }

  async setWritable(writable: boolean): Promise<void> {
    this.ledger.writable = writable
    if (!writable) return
    await this.append([])
    await this.sweep(this.backlog)
  }

  async setPrompt(prompt: boolean, stored: boolean): Promise<void> {
    this.ledger.prompt = prompt
    if (prompt) this.ledger.deliver(stored)
  }

  /** Never further back than into the day before the latest that was seen: more is not promised. */
  clock(ms: number): void {
    const least = calendar.dayStart(calendar.day(this.latest) - 1)
    this.now = Math.max(this.now + ms, least)
    this.latest = Math.max(this.latest, this.now)
  }

  async reload(policy: number, { which, readBeforeGate }: { which: number; readBeforeGate: boolean }): Promise<void> {
    this.policy = POLICIES[policy % POLICIES.length] as Policy
    let open = () => {}
    this.ledger.gate = new Promise((resolve) => {
      open = resolve
    })
    this.ledger.readBeforeGate = readBeforeGate
    const renewed = this.engine.renew()
    await quiet()
    // A call ends, and another is decided, while the ledger is being read.
    await this.end(which, 'success')
    await this.settle()
    await this.ask({ payer: which, share: 1, known: null, model: 'gpt-4o', maxTokens: 300, tokens: 50 })
    open()
    this.ledger.gate = null
    await renewed
    await this.settle()
    this.expectUnsaid()
  }

  async admin(agent: number, what: 'pause' | 'unpause' | 'budget' | 'reset', limit: bigint): Promise<void> {
    const name = AGENTS[agent % AGENTS.length] as string
    const [meter] = this.engine.fold().meters.of({ customer: '', tier: null, session: null, agent: name }, this.now)
    if (meter?.budget.scope !== 'agent' || !this.ledger.writable || !this.ledger.prompt) return
    // Whatever a reset before it forgave of the period is forgiven still.
    const forgiven = this.oracle.spent(meter) + this.forgivenOf(meter)
    const reset = { period_start: String(meter.start), spent: String(forgiven < 0n ? 0n : forgiven) }
    const details: Record<string, string> = what === 'budget' ? { limit: String(limit) } : what === 'reset' ? reset : {}
    const entry: Action = {
      kind: 'action',
      version: 1,
      key: `action ${++this.ids}`,
      subject: `agent:${name}`,
      action: what,
      by: 'ada',
      reason: '',
      at: this.now,
      details,
    }
    await this.append([entry])
    await this.settle()
    if (what === 'budget') this.expectOfAgent(name)
  }

  /** Under another limit, what an agent has spent already reaches other thresholds. */
  private expectOfAgent(agent: string): void {
    for (const meter of this.engine.fold().meters.of({ customer: '', tier: null, session: null, agent }, this.now)) {
      if (meter.budget.scope !== 'agent') continue
      const spent = this.oracle.spent(meter)
      for (const rung of meter.budget.rungs) if (rung.amount <= spent) this.mustCross(meter, rung)
      if (meter.budget.line !== null && spent >= meter.budget.line) this.mustPause(meter)
    }
  }

  private forgivenOf({ subject, start }: Meter): bigint {
    const { forgiven } = this.engine.fold().agents.get(subject)
    return forgiven?.periodStart === start ? forgiven.amount : 0n
  }

  async sweep(backlog: boolean): Promise<void> {
    this.backlog = backlog
    const releases = this.policyInForce().budgets.unsettled === 'release'
    await this.engine.sweep()
    if (backlog) return
    for (const call of this.calls.values()) {
      if (call.expires > this.now || call.charges === null || this.given.has(call.callId)) continue
      const amount = call.charges.reduce((most, one) => (one.amount > most ? one.amount : most), 0n)
      if (releases || amount === 0n) call.charges = null
      else this.given.add(call.callId)
    }
  }

  private policyInForce(): Policy {
    return this.engine.consider(asked({ who: PAYERS[0] as AskedBy })).policy
  }

  /** Lets everything that is under way happen, and takes what was delivered into the truth. */
  async settle(): Promise<void> {
    await quiet()
    this.hear()
  }

  private hear(): void {
    this.oracle.read({
      heard: (event) => {
        const call = event.kind === 'usage' ? this.calls.get(event.key.slice(8, 44)) : undefined
        if (call) call.charges = null
      },
      counted: (event, followed) => {
        if ((event.cost ?? 0n) > 0n) this.expectReached(event, followed)
      },
    })
  }

  /** Each threshold that a payer's budgets have reached by now must be written down. */
  private expectReached(payer: Usage | Correction, followed: boolean): void {
    const { start: at } = payer
    for (const meter of this.engine.fold().meters.of(payer, at)) {
      if (meter.budget.period === 'session' && this.oracle.session(payer.customer, payer.session ?? '', at) === null) {
        for (const rung of meter.budget.rungs) this.may.add(placeOf(meter, rung))
        continue
      }
      const spent = this.oracle.spent(meter)
      for (const rung of meter.budget.rungs) if (rung.amount <= spent) this.may.add(placeOf(meter, rung))
      // Of a period that is over nothing is promised to a program that was away meanwhile.
      if (!followed) continue
      if (meter.end !== null && (meter.end <= this.latest || meter.start > this.now)) continue
      for (const rung of meter.budget.rungs) if (rung.amount <= spent) this.mustCross(meter, rung)
      const { scope, line, last } = meter.budget
      if (scope === 'agent' && last?.do === 'pause' && line !== null && spent >= line) this.mustPause(meter)
    }
  }

  /** After a start, and under a new policy. */
  private expectUnsaid(): void {
    for (const payer of this.engine.fold().meters.payers()) {
      for (const meter of this.engine.fold().meters.of(payer, this.now)) {
        if (meter.end !== null && meter.end <= this.latest) continue
        if (payer.session !== null && meter.budget.scope !== 'session') continue
        if (payer.session !== null && this.oracle.session(payer.customer, payer.session, this.now) === null) continue
        const spent = this.oracle.spent(meter)
        for (const rung of meter.budget.rungs) if (rung.amount <= spent) this.mustCross(meter, rung)
      }
    }
  }

  private mustCross(meter: Meter, rung: Rung): void {
    this.must.set(placeOf(meter, rung), `${rung.do} at ${rung.amount}`)
    this.may.add(placeOf(meter, rung))
  }

  private mustPause({ subject, start, budget }: Meter): void {
    const paused = this.oracle.actions.findLast(
      ({ subject: one, action }) => one === `agent:${subject}` && /pause$/.test(action),
    )
    if (paused?.action !== 'pause') this.pauses.add(['pause', 'agent', subject, start, budget.limit].join(':'))
  }

  /** A call that is moved or refused at a threshold has reached it. */
  private justify({ decision: { action, because } }: Decided): void {
    if (because === null) return
    const { meter, spent, held } = because
    const { degradeAt, last, rungs, line } = meter.budget
    const degrade = rungs.find((rung) => rung.do === 'degrade')
    if (action === 'degrade' && degrade && degradeAt !== null && spent + held >= degradeAt)
      this.mustCross(meter, degrade)
    else if (action === 'degrade' && degrade) this.may.add(placeOf(meter, degrade))
    if (action === 'block' && last && isSpent(because)) {
      must(line !== null && (line - spent) * 100n <= meter.budget.limit, () => 'more than 1 % is left')
      this.mustCross(meter, last)
      if (meter.budget.scope === 'agent' && last.do === 'pause') this.mustPause(meter)
    }
  }

  private crossed(): Set<string> {
    const places = this.ledger.recorded.flatMap(({ entry }) => {
      if (entry.kind !== 'crossing') return []
      const { scope, subject, period, periodStart, name, threshold: at, limit } = entry
      return [[scope, subject, period, period === 'session' ? '' : periodStart, name || at, limit].join(' ')]
    })
    const found = new Set(places)
    same(found.size, places.length, () => 'a threshold was told of twice')
    return found
  }

  /** What must hold after every step. */
  check(): void {
    const fold = this.engine.fold()
    for (const payer of PAYERS) {
      for (const meter of fold.meters.of(payer, this.now)) {
        const { spent, held } = this.engine.reading(meter)
        let expected = 0n
        for (const { charges } of this.calls.values())
          for (const { key, amount } of charges ?? []) if (key === meter.key) expected += amount
        same(held, expected, () => `held of ${shown(meter.key)}`)
        const ofSession = meter.budget.period === 'session'
        if (ofSession && this.oracle.session(payer.customer, payer.session ?? '', this.now) === null) continue
        same(spent, this.oracle.spent(meter), () => `spent of ${shown(meter.key)}`)
      }
    }
    for (const agent of AGENTS) {
      const last = this.oracle.actions.findLast(
        ({ subject, action }) => subject === `agent:${agent}` && /pause$/.test(action),
      )
      same(fold.agents.get(agent).paused, last?.action === 'pause', () => `${agent} is paused`)
    }
    const crossed = this.crossed()
    for (const place of crossed) must(this.may.has(place), () => `${place} was not reached`)
    if (!this.ledger.writable) return
    for (const [place, what] of this.must) must(crossed.has(place), () => `${place}: ${what} is not written down`)
    const keys = new Set(this.ledger.recorded.map(({ entry }) => entry.key))
    for (const key of this.pauses) must(keys.has(key), () => `${key} is not written down`)
  }

  /** Everything ends, and everything is heard of: the last truth. */
  async finish(late: number): Promise<void> {
    await this.setPrompt(true, false)
    await this.setWritable(true)
    await this.settle()
    this.clock(this.latest - this.now + 2 * 3_600_000)
    for (let round = 0; round < 3; round++) {
      await this.sweep(false)
      await this.settle()
    }
    same(this.holds.size, 0, () => 'calls that hold something')
    const silent = [...this.calls.values()].filter(({ ended }) => !ended)
    for (const [i, call] of silent.entries()) {
      if (i % 2 !== late % 2) continue
      call.ended = true
      await this.append([this.eventOf(call, 'success')])
    }
    await this.settle()
    this.check()
    for (const { charges, callId } of this.calls.values()) must(charges === null, () => `${callId} holds something`)
    for (const call of this.calls.values()) if (call.ended) this.expectChargedOnce(call)
  }

  /** The events, estimates and corrections of a call come to what it really cost. */
  private expectChargedOnce({ callId, cost }: Call): void {
    const own = this.ledger.recorded
      .map(({ entry }) => entry)
      .filter((entry) => entry.kind === 'usage' || entry.kind === 'correction')
      .filter((entry) => entry.key.includes(callId))
    const failed = own.some(({ key }) => key.endsWith(':failed'))
    const sum = own.reduce((all, entry) => all + (entry.cost ?? 0n), 0n)
    const isFree = failed && !own.some(({ key }) => key === `litellm:${callId}`)
    same(sum, isFree ? 0n : cost, () => `all entries of ${callId}`)
  }
}

export interface AskStep extends Pick<Ask, 'model' | 'maxTokens'> {
  readonly payer: number
  readonly tokens: number
  /** How much of what it may it really uses. */
  readonly share: number
  /** Which of the calls on their way asks once more; null = a new one. */
  readonly known: number | null
}

function placeOf({ budget, subject, start }: Meter, { name, at }: Rung): string {
  const { scope, period, limit } = budget
  return [scope, shown(subject), period, period === 'session' ? '' : start, name || at, limit].join(' ')
}

/** Promises that are under way, and those that they lead to, have come to an end. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Cheap enough to be asked a hundred million times. */
function must(holds: boolean, otherwise: () => string): asserts holds {
  if (!holds) throw new Error(otherwise())
}

function same<T>(found: T, expected: T, what: () => string): void {
  if (found !== expected) throw new Error(`${what()}: found ${found}, expected ${expected}`)
}
