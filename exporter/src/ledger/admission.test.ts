import { describe, expect, it } from 'vitest'
import { attempt, fallback, T0, usage } from '../../test/support/entries.ts'
import { SMALL_BOUNDS } from '../../test/support/ledger.ts'
import type { Admission, Usage } from '../usage.ts'
import { type Admissions, createAdmissions, FALLBACK_BITS, isNamed } from './admission.ts'
import { createNameSets } from './duckdb/names.ts'

const IDLE = 35 * 86_400_000

function admissions(over: Partial<Parameters<typeof createAdmissions>[0]> = {}): Admissions {
  return createAdmissions({
    bounds: SMALL_BOUNDS,
    customerIdleMs: IDLE,
    admitted: [],
    customerSeen: new Map(),
    ...over,
  })
}

const sets = createNameSets(1)

function name(state: Admissions, event: Usage, at: number, admit: (entry: Admission) => void): number {
  return state.name(event, sets.idOf(event), at, admit)
}

function changes(run: (admit: (entry: Admission) => void) => void): string[] {
  const list: string[] = []
  run((entry) => list.push(`${entry.change} ${entry.label} ${entry.value}`))
  return list.filter((text) => !text.includes(' series '))
}

describe('series of their own', () => {
  it('are given first come, first served, and to none beyond the bound', () => {
    const state = admissions()
    const model = (value: string) =>
      isNamed(
        name(state, usage(value, { model: value }), T0, () => undefined),
        'model',
      )
    expect(['a', 'b', 'c', 'd', 'a', 'e', 'c'].map(model)).toEqual([true, true, true, false, true, false, true])
  })

  it('are given with the first event: the admission comes before it', () => {
    const list = changes((admit) => name(admissions(), usage('a'), T0, admit))
    expect(list).toEqual([
      'admit tier tier_1',
      'admit model openai/gpt-4o',
      'admit provider openai',
      'admit environment production',
      'admit operation chat',
      'admit customer acme',
    ])
  })

  it('need no admission for what an event does not say, and for calls that no customer is known for', () => {
    const event = usage('a', {
      tier: null,
      model: null,
      provider: null,
      environment: null,
      operation: null,
      customer: 'unattributed',
    })
    const state = admissions()
    let named = 0
    expect(changes((admit) => (named = name(state, event, T0, admit)))).toEqual([])
    for (const label of ['tier', 'model', 'agent', 'customer'] as const) expect(isNamed(named, label)).toBe(true)
  })

  it('are not given to models that only refused calls name', () => {
    const state = admissions()
    const refused = usage('a', { status: 'rejected', model: 'made-up', provider: 'made-up', errorClass: 'made-up' })
    expect(changes((admit) => name(state, refused, T0, admit)).join()).not.toContain('made-up')
    const named = name(state, usage('b', { model: 'made-up' }), T0, () => undefined)
    expect(isNamed(named, 'model')).toBe(true)
  })

  it('are given to refused calls of a tier, whose made-up models are counted together', () => {
    const state = admissions()
    const named = name(state, usage('a', { status: 'rejected', model: 'made-up' }), T0, () => undefined)
    expect([isNamed(named, 'series'), isNamed(named, 'tier'), isNamed(named, 'model')]).toEqual([true, true, false])
  })

  it('are never given to a value that is called like the sum of the rest', () => {
    const named = name(admissions(), usage('a', { customer: 'other', model: 'other' }), T0, () => undefined)
    expect([isNamed(named, 'customer'), isNamed(named, 'model')]).toEqual([false, false])
  })

  it('are bounded for combinations too', () => {
    const state = admissions({ bounds: { ...SMALL_BOUNDS, tier: 50, series: 3 } })
    const tiers = Array.from({ length: 6 }, (_, i) => name(state, usage('x', { tier: `t${i}` }), T0, () => undefined))
    expect(tiers.map((named) => isNamed(named, 'series'))).toEqual([true, true, true, false, false, false])
    expect(tiers.every((named) => isNamed(named, 'tier'))).toBe(true)
  })
})

describe('a customer', () => {
  const call = (state: Admissions, customer: string, at: number, list: string[] = []) => {
    const all = changes((admit) => {
      name(state, usage(customer, { customer }), at, admit)
    })
    list.push(...all.filter((text) => text.includes('customer')))
    return list
  }

  it('takes the slot of the one that was idle longest, once that was for long enough', () => {
    const state = admissions()
    call(state, 'a', T0)
    call(state, 'b', T0 + 1000)
    expect(call(state, 'c', T0 + IDLE - 1)).toEqual([])
    expect(call(state, 'c', T0 + IDLE)).toEqual(['retire customer a', 'admit customer c'])
    expect(call(state, 'a', T0 + IDLE + 500)).toEqual([])
    expect(call(state, 'a', T0 + IDLE + 1000)).toEqual(['retire customer b', 'admit customer a'])
  })

  it('keeps its slot while it calls', () => {
    const state = admissions()
    call(state, 'a', T0)
    call(state, 'b', T0)
    call(state, 'a', T0 + IDLE)
    call(state, 'b', T0 + IDLE)
    expect(call(state, 'c', T0 + IDLE + 1)).toEqual([])
  })

  it('keeps its slot over a restart, and its idleness', () => {
    const admitted = [
      { label: 'customer', value: 'a', seq: 1 },
      { label: 'customer', value: 'b', seq: 2 },
    ]
    const state = admissions({
      admitted,
      customerSeen: new Map([
        ['a', T0],
        ['b', T0 + IDLE],
      ]),
    })
    expect(call(state, 'b', T0 + IDLE)).toEqual([])
    expect(call(state, 'c', T0 + IDLE)).toEqual(['retire customer a', 'admit customer c'])
  })

  it('is never admitted when there are no slots', () => {
    const state = admissions({ bounds: { ...SMALL_BOUNDS, customer: 0 } })
    expect(call(state, 'a', T0 + 10 * IDLE)).toEqual([])
  })
})

describe('attempts and fallbacks', () => {
  it('get series from the same room as events, first come, first served', () => {
    const state = admissions()
    const list = changes((admit) => {
      expect(isNamed(state.nameAttempt(attempt('a'), admit), 'provider')).toBe(true)
      name(state, usage('b', { provider: 'azure', model: 'm1', errorClass: 'Timeout', status: 'failed' }), T0, admit)
      const named = state.nameAttempt(attempt('c', { provider: 'groq', errorClass: 'Timeout' }), admit)
      expect([isNamed(named, 'provider'), isNamed(named, 'error_class')]).toEqual([false, true])
    })
    expect(list.filter((text) => /provider|error_class/.test(text))).toEqual([
      'admit provider openai',
      'admit error_class RateLimitError',
      'admit provider azure',
      'admit error_class Timeout',
    ])
    expect(list.filter((text) => text.includes(' model '))).toEqual(['admit model m1'])
  })

  it('name the two models of a fallback each by itself', () => {
    const state = admissions()
    const named = (from: string, to: string) => state.nameFallback(fallback('a', { from, to }), () => undefined)
    expect(named('a', 'b')).toBe(FALLBACK_BITS.from | FALLBACK_BITS.to)
    expect(named('c', 'd')).toBe(FALLBACK_BITS.from)
    expect(named('d', 'a')).toBe(FALLBACK_BITS.to)
    expect(named('d', 'other')).toBe(0)
    // Three combinations are taken: of a and b, of c alone, of a alone.
    expect(named('b', 'a')).toBe(0)
    expect(named('a', 'b')).toBe(FALLBACK_BITS.from | FALLBACK_BITS.to)
  })

  it('need no admission for what an attempt does not say', () => {
    expect(
      changes((admit) => void admissions().nameAttempt(attempt('a', { provider: null, errorClass: null }), admit)),
    ).toEqual([])
  })
})
