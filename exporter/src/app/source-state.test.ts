import { describe, expect, it } from 'vitest'
import { langfuseProject, policyWith } from '../../test/support/world.ts'
import { EVENT_RESULTS } from '../sources/source.ts'
import type { SourceHealth } from '../sources/runner.ts'
import { isReadingTraces, isUsed, sourceState } from './source-state.ts'

const NOW = Date.UTC(2026, 10, 22, 12)
const MINUTE = 60_000
const poll = {
  url: 'http://127.0.0.1:4000',
  key: 'k',
  everyMs: 30_000,
  lagMs: 0,
  backfillMs: 0,
  directoryMs: 5 * MINUTE,
  pageSize: 100,
  timeoutMs: 30_000,
}
const POLLED = policyWith({ sources: { litellm: { push: false, poll } } })

function health(name: string, change: Partial<SourceHealth> = {}): SourceHealth {
  const events = Object.fromEntries(EVENT_RESULTS.map((result) => [result, 0])) as SourceHealth['events']
  const quiet = { lastSuccess: null, lastError: null, lastErrorAt: null, note: null, catchingUp: false, gateway: null }
  return { name, up: true, ...quiet, events, ...change }
}

describe('the state of a source', () => {
  it('is asked of those that the policy uses', () => {
    const used = (policy: typeof POLLED) =>
      ['litellm', 'litellm_poll', 'litellm_directory'].filter((name) => isUsed(name, policy))
    expect(used(POLLED)).toEqual(['litellm_poll', 'litellm_directory'])
    expect(used(policyWith())).toEqual(['litellm'])
  })

  it('is asked of Docker where the policy names an engine, which is silent after five looks', () => {
    const docker = { url: 'unix:///d', project: null, everyMs: 15_000, recordMs: MINUTE, timeoutMs: 10_000 }
    const policy = policyWith({ sources: { docker } })
    expect(isUsed('docker', policy)).toBe(true)
    expect(isUsed('docker', policyWith())).toBe(false)
    const seen = (ago: number) =>
      sourceState(health('docker', { lastSuccess: NOW - ago }), policy, NOW, NOW - 60 * MINUTE).state
    expect(seen(85_000)).toBe('ok')
    expect(seen(85_001)).toBe('silent')
  })

  it('is asked of the projects of Langfuse by their names, each silent by its own turn', () => {
    const langfuse = [
      langfuseProject({ name: 'prod', timeoutMs: 60_000 }),
      langfuseProject({ name: 'test', everyMs: 5 * MINUTE }),
    ]
    const policy = policyWith({ sources: { langfuse } })
    const used = ['langfuse:prod', 'langfuse:test', 'langfuse:gone', 'langfuse'].filter((name) => isUsed(name, policy))
    expect(used).toEqual(['langfuse:prod', 'langfuse:test', 'langfuse'])
    expect(isUsed('langfuse', policyWith())).toBe(false)
    const state = (name: string, quietMs: number) =>
      sourceState(health(name, { lastSuccess: NOW - quietMs }), policy, NOW, 0).state
    expect([state('langfuse:prod', 3.5 * MINUTE), state('langfuse:prod', 3.5 * MINUTE + 1)]).toEqual(['ok', 'silent'])
    expect(state('langfuse:test', 30 * MINUTE)).toBe('ok')
  })

  it('tells what is worth knowing of one that is well', () => {
    const note = 'This LiteLLM has no /budget/list, so that is not read.'
    const well = health('litellm_directory', { lastSuccess: NOW, note })
    expect(sourceState(well, POLLED, NOW, NOW)).toMatchObject({ state: 'ok', detail: note })
    const ill = { ...well, up: false, lastError: 'LiteLLM cannot be reached.' }
    expect(sourceState(ill, POLLED, NOW, NOW)).toMatchObject({ state: 'failing', detail: 'LiteLLM cannot be reached.' })
  })

  it('is silent after five turns without an answer, each unit by its own turn', () => {
    const state = (name: string, quietMs: number) =>
      sourceState(health(name, { lastSuccess: NOW - quietMs }), POLLED, NOW, 0).state
    expect([state('litellm_poll', 3 * MINUTE), state('litellm_poll', 3 * MINUTE + 1)]).toEqual(['ok', 'silent'])
    expect(state('litellm_directory', 25.5 * MINUTE)).toBe('ok')
    expect(state('litellm_directory', 25.5 * MINUTE + 1)).toBe('silent')
  })
})

it('Langfuse still tells of what lies behind until it has said once that it does not', () => {
  expect(isReadingTraces(health('langfuse', { up: null }))).toBe(true)
  expect(isReadingTraces(health('langfuse:prod', { up: true, note: 'What lies behind is still being read.' }))).toBe(
    true,
  )
  expect(isReadingTraces(health('langfuse', { up: true, note: 'It has no second version of its API.' }))).toBe(false)
  expect(isReadingTraces(health('langfuse', { up: false }))).toBe(false)
  expect(isReadingTraces(health('litellm', { up: null }))).toBe(false)
})
