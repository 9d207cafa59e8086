import type { Call } from './call.ts'
import { type Company, createCompany } from './company.ts'
import { type Dataset, readDataset } from './dataset.ts'
import { emitSession } from './emit.ts'
import { poisson, Rng } from './random.ts'
import { busyness } from './rhythm.ts'
import { planRunaway, planSession, SESSION_LIMIT_MS } from './session.ts'

const SLOT_MS = 60_000
const SLOTS_A_DAY = 1440
/** Calls of a slot come from sessions that started in it or in this many slots before. */
const LOOKBACK = SESSION_LIMIT_MS / SLOT_MS + 1

/** Sessions a minute at density 1, so that 30 days hold about 300,000 calls (measured in `traffic.test.ts`). */
const SESSIONS_A_MINUTE = 0.5
/** Share of days on which one agent gets into a loop. */
const RUNAWAY_DAYS = 0.2

/** Seeds of independent random sequences. */
const ORDINARY = 2
const RUNAWAY = 3

export interface TrafficOptions {
  /** A whole number; the same seed is the same company with the same calls. */
  readonly seed: number
}

export interface CallOptions {
  /** How much traffic: 1 = about 300,000 calls in 30 days. */
  readonly density?: number
}

export interface Traffic {
  readonly seed: number
  readonly company: Company
  /**
   * The calls with `from <= start < to` (epoch milliseconds) in order of their start. A pure function of seed, density
   * and time: two neighbouring ranges neither overlap nor leave a gap, whoever asks, whenever, in whatever pieces.
   */
  calls(from: number, to: number, options?: CallOptions): Iterable<Call>
}

/**
 * The traffic of an invented company with some sixty customers on three plans. Token sizes and waiting times are those of
 * a real service (`data/README.md`), hours and weekdays have their shape in UTC.
 */
export function createTraffic({ seed }: TrafficOptions): Traffic {
  const company = createCompany(seed)
  const data = readDataset()
  return {
    seed,
    company,
    calls: (from, to, { density = 1 } = {}) => callsBetween({ seed, company, data, density }, from, to),
  }
}

interface Setting {
  readonly seed: number
  readonly company: Company
  readonly data: Dataset
  readonly density: number
}

function* callsBetween(setting: Setting, from: number, to: number): Generator<Call> {
  const rng = new Rng()
  const firstWanted = Math.floor(from / SLOT_MS)
  const waiting = Array.from({ length: LOOKBACK + 1 }, (): Call[] => [])
  const place = (call: Call): void => {
    const slot = Math.floor(call.start / SLOT_MS)
    if (slot >= firstWanted) waiting[slot % waiting.length]?.push(call)
  }
  for (let slot = firstWanted - LOOKBACK; slot * SLOT_MS < to; slot++) {
    emitSlot(rng, setting, slot, place)
    const index = slot % waiting.length
    const calls = (waiting[index] ?? []).sort((a, b) => a.start - b.start)
    waiting[index] = []
    for (const call of calls) if (call.start >= from && call.start < to) yield call
  }
}

/** All calls of all sessions that start in a slot. */
function emitSlot(rng: Rng, setting: Setting, slot: number, place: (call: Call) => void): void {
  const { seed, company, data, density } = setting
  const start = slot * SLOT_MS
  rng.reseed(seed, slot, ORDINARY)
  const sessions = poisson(rng, SESSIONS_A_MINUTE * density * busyness(start))
  for (let index = 0; index < sessions; index++) {
    const session = planSession(rng, company, data, start + rng.below(SLOT_MS))
    emitSession(rng, session, data, place)
  }
  if (slot !== runawaySlot(rng, seed, Math.floor(slot / SLOTS_A_DAY))) return
  rng.reseed(seed, slot, RUNAWAY)
  emitSession(rng, planRunaway(rng, company, start, Math.min(1, density)), data, place)
}

/** In which slot of a day an agent goes astray; null on the days when none does. */
function runawaySlot(rng: Rng, seed: number, day: number): number | null {
  rng.reseed(seed, day, RUNAWAY)
  return rng.chance(RUNAWAY_DAYS) ? day * SLOTS_A_DAY + rng.below(SLOTS_A_DAY) : null
}
