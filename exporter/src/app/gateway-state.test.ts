import { describe, expect, it } from 'vitest'
import { policyWith } from '../../test/support/world.ts'
import type { SourceHealth } from '../sources/runner.ts'
import { EVENT_RESULTS, type EventResult } from '../sources/source.ts'
import { sourceState } from './source-state.ts'

const NOW = Date.UTC(2026, 10, 22, 12)
const DROPPED = { full: 0, disk: 0, refused: 0, torn: 0 }
const WELL: SourceHealth = {
  name: 'litellm',
  up: true,
  lastSuccess: NOW - 1000,
  lastError: null,
  lastErrorAt: null,
  note: null,
  catchingUp: false,
  events: Object.fromEntries(EVENT_RESULTS.map((result) => [result, 0])) as Record<EventResult, number>,
  gateway: null,
}
const stateOf = (change: Partial<SourceHealth>) =>
  sourceState({ ...WELL, ...change }, policyWith(), NOW, NOW - 86_400_000)
const holding = (ageMs: number | null) => ({
  spool: { processes: 1, events: 7, oldest: ageMs === null ? null : NOW - ageMs, skewMs: 0 },
  dropped: DROPPED,
  undecided: 0,
})

describe('a gateway that holds back records', () => {
  it.each([
    [60_001, 'a minute'],
    [599_999, 'a minute'],
    [600_001, 'ten minutes'],
    [3_600_001, 'an hour'],
    [30 * 86_400_000, 'a day'],
  ])('for more than a minute makes the source degraded, and says about how long: %d ms', (age, words) => {
    expect(stateOf({ gateway: holding(age) })).toEqual({
      name: 'litellm',
      state: 'degraded',
      since: NOW - age + 60_000,
      lastSuccess: NOW - 1000,
      detail: `the gateway still holds records that are more than ${words} old (marginwatch_gateway_spool_events says how many)`,
    })
  })

  it.each([
    ['for a minute or less', holding(60_000)],
    ['not at all', holding(null)],
    ['perhaps, but nobody heard of it', { spool: null, dropped: DROPPED, undecided: 0 }],
    ['never, because there is none', null],
  ])('%s leaves the source well', (_, gateway) => {
    expect(stateOf({ gateway })).toMatchObject({ state: 'ok', detail: null })
  })

  it('is what is told of before silence, and after what is graver', () => {
    const gateway = holding(120_000)
    expect(stateOf({ gateway, lastSuccess: NOW - 3_600_000 }).state).toBe('degraded')
    expect(stateOf({ gateway, up: false, lastError: 'no disk', lastErrorAt: NOW }).state).toBe('failing')
    expect(stateOf({ gateway, catchingUp: true }).state).toBe('catching up')
  })
})

it('calls a push silent that brought nothing for 15 minutes, and a source well that has not had to speak yet', () => {
  expect(stateOf({ lastSuccess: NOW - 900_000 }).state).toBe('ok')
  expect(stateOf({ lastSuccess: NOW - 900_001 })).toMatchObject({ state: 'silent', since: NOW - 900_001 })
  const { state, detail } = sourceState({ ...WELL, up: null, lastSuccess: null }, policyWith(), NOW, NOW - 1000)
  expect([state, detail]).toEqual(['ok', 'nothing has arrived yet'])
})
