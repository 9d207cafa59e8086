import { expect, it } from 'vitest'
import type { Action } from '../usage.ts'
import { createAgents } from './agents.ts'

const action = (what: string, over: Partial<Action> = {}): Action => ({
  kind: 'action',
  version: 1,
  key: what,
  subject: 'agent:nightly',
  action: what,
  by: 'ada',
  reason: 'because',
  at: 7,
  details: {},
  ...over,
})

it('is paused by who and why and for which trace, until somebody resumes it', () => {
  const agents = createAgents()
  expect(agents.get('nightly')).toMatchObject({ paused: false, by: null, limit: null })
  agents.apply(action('pause', { details: { trace: 'abc' } }))
  expect(agents.get('nightly')).toMatchObject({ paused: true, by: 'ada', reason: 'because', at: 7, trace: 'abc' })
  agents.apply(action('unpause', { by: 'bob' }))
  expect(agents.get('nightly')).toMatchObject({ paused: false, by: 'bob', trace: null })
})

it('takes a limit and what a reset forgives, and nothing from broken numbers', () => {
  const agents = createAgents()
  agents.apply(action('budget', { details: { limit: '5000' } }))
  agents.apply(action('reset', { details: { period_start: '1000', spent: '70' } }))
  expect(agents.get('nightly')).toMatchObject({ limit: 5_000n, forgiven: { periodStart: 1_000, amount: 70n } })
  agents.apply(action('budget', { details: { limit: '-1e9' } }))
  agents.apply(action('reset', { details: {} }))
  expect(agents.get('nightly')).toMatchObject({ limit: null, forgiven: { amount: 0n } })
})

it('is not touched by what is done to another, to no agent, or under a word that nobody knows', () => {
  const agents = createAgents()
  agents.apply(action('pause', { subject: 'agent:other' }))
  agents.apply(action('pause', { subject: 'customer:nightly' }))
  agents.apply(action('dance'))
  expect(agents.get('nightly').paused).toBe(false)
  expect([...agents.all()].map(([name]) => name)).toEqual(['other', 'nightly'])
})
