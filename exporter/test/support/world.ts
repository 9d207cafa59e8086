import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { LangfusePolicy, Policy, Tier } from '../../src/policy/policy.ts'
import { EVENT_RESULTS, type EventResult, type Recorder, type SourceDeps } from '../../src/sources/source.ts'
import type { Entry, EntryKind, Usage } from '../../src/usage.ts'
import { hash, NOW, PRICES, RULES } from './litellm.ts'
import { NO_BUDGETS } from './no-budgets.ts'

/** What a test says of a policy; of the sources only those that it is about. */
export type PolicyChange = Partial<Omit<Policy, 'sources'>> & { readonly sources?: Partial<Policy['sources']> }

/** A plan with one price for all time. */
export function plan(price: bigint, budget: bigint | null = null): Tier {
  return { prices: [{ price, from: null }], budget, target: null }
}

/** A small policy around what a test is about. */
export function policyWith({ sources, ...change }: PolicyChange = {}): Policy {
  return {
    timezone: 'UTC',
    tiers: {},
    customers: [],
    roster: { file: null, litellm: true, traffic: true },
    apiKeys: {},
    attribution: RULES,
    prices: { profile: 'production', overrides: [] },
    sources: { litellm: { push: true, poll: null }, langfuse: [], docker: null, ...sources },
    rates: { containers: [] },
    gateway: null,
    budgets: NO_BUDGETS,
    degrade: [],
    routes: null,
    margin: { allocate: 'tokens', keep: [] },
    server: {
      host: '127.0.0.1',
      port: 0,
      keys: { reader: null, ingest: null, gateway: null, admin: null },
      bodyLimitBytes: 16_000_000,
    },
    metrics: { customers: 200, customerIdleMs: 86_400_000 },
    ledger: { retentionMs: null, dedupeWindowMs: 2 * 86_400_000 },
    sessions: { idleMs: 1_800_000 },
    ...change,
  }
}

/** A project of Langfuse as a policy has it. */
export function langfuseProject(change: Partial<LangfusePolicy> = {}): LangfusePolicy {
  return {
    name: 'main',
    url: 'http://127.0.0.1:1',
    publicKey: 'pk-lf-1',
    secretKey: 'sk-lf-1',
    role: 'reconcile',
    everyMs: 30_000,
    windowMs: 1_800_000,
    settleMs: 900_000,
    backfillMs: 0,
    metricsEveryMs: 3_600_000,
    timeoutMs: 600_000,
    events: false,
    adminKey: null,
    ...change,
  }
}

/** Everything around a source, in memory, with a clock that only the test moves. */
export class World {
  now = NOW
  policy: Policy
  /** The events that the ledger holds, by key. */
  readonly ledger = new Map<string, Usage>()
  /** All else that it holds. */
  readonly beside = new Map<string, Entry>()
  readonly appends: string[][] = []
  /** Set to make the ledger reject. */
  refuse: Error | null = null
  readonly counts = Object.fromEntries(EVENT_RESULTS.map((result) => [result, 0])) as Record<EventResult, number>
  /** What was reported, in order: `ok`, `catching up`, `caught up`, or why it failed. */
  readonly told: string[] = []
  note: string | null = null
  readonly memory = new Map<string, string>()
  readonly directory = mkdtempSync(join(tmpdir(), 'sources-'))
  readonly slept: number[] = []
  private readonly heard = new WeakSet<AbortSignal>()
  private sleepers: { until: number; wake: () => void }[] = []
  private waiting: (() => void)[] = []

  constructor(policy: Policy = policyWith()) {
    this.policy = policy
  }

  readonly recorder: Recorder = async (entries) => {
    await Promise.resolve()
    if (this.refuse) throw this.refuse
    const byKind: Partial<Record<EntryKind, { accepted: number; duplicates: number }>> = {}
    const sum = { accepted: 0, duplicates: 0 }
    for (const entry of entries) {
      const what = this.ledger.has(entry.key) || this.beside.has(entry.key) ? 'duplicates' : 'accepted'
      if (entry.kind === 'usage') this.ledger.set(entry.key, this.ledger.get(entry.key) ?? entry)
      else this.beside.set(entry.key, this.beside.get(entry.key) ?? entry)
      const ofKind = byKind[entry.kind] ?? { accepted: 0, duplicates: 0 }
      byKind[entry.kind] = ofKind
      ofKind[what]++
      sum[what]++
    }
    this.appends.push(entries.map((entry) => entry.key))
    return { seq: this.ledger.size, ...sum, byKind, conflicts: [], refused: [] }
  }

  readonly deps: SourceDeps = {
    policy: () => this.policy,
    log: pino({ level: 'silent' }),
    now: () => this.now,
    random: () => 0.5,
    sleep: (ms, signal) => this.sleep(ms, signal),
    memory: {
      get: async (name) => this.memory.get(name) ?? null,
      set: async (name, value) => {
        this.memory.set(name, value)
      },
    },
    report: {
      count: (result, n = 1) => {
        this.counts[result] += n
      },
      succeeded: () => this.told.push('ok'),
      failed: (reason) => this.told.push(reason),
      noted: (what) => {
        if (what !== this.note) this.told.push(`note: ${what}`)
        this.note = what
      },
      catchingUp: (is) => {
        const text = is ? 'catching up' : 'caught up'
        if (this.told.findLast((one) => one === 'catching up' || one === 'caught up') !== text) this.told.push(text)
      },
    },
    directory: this.directory,
    prices: () => PRICES,
    has: async (keys) => new Set(keys.filter((key) => this.ledger.has(key) || this.beside.has(key))),
    hash,
  }

  private sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.slept.push(ms)
    return new Promise((resolve) => {
      const sleeper = { until: this.now + ms, wake: resolve }
      if (signal.aborted) return resolve()
      for (const wake of this.waiting.splice(0)) wake()
      this.sleepers.push(sleeper)
      if (this.heard.has(signal)) return
      this.heard.add(signal)
      signal.addEventListener('abort', () => this.wakeAll(), { once: true })
    })
  }

  private wakeAll(): void {
    for (const sleeper of this.sleepers.splice(0)) sleeper.wake()
  }

  /** Resolves when something sleeps: it has done all that it can do at this time. */
  async idle(): Promise<void> {
    if (this.sleepers.length > 0) return
    await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  /** Moves the clock on and wakes whoever slept until then, sleep by sleep; resolves when all sleep again. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms
    for (;;) {
      await this.idle()
      const next = this.sleepers.toSorted((a, b) => a.until - b.until)[0]
      if (!next || next.until > end) break
      this.sleepers = this.sleepers.filter((sleeper) => sleeper !== next)
      this.now = Math.max(this.now, next.until)
      next.wake()
    }
    this.now = end
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
