import fc from 'fast-check'
import { beforeEach, expect, it } from 'vitest'
import { keptLog } from '../../../test/support/log-lines.ts'
import { createDecisionLines, type DecisionLines, type DecisionNote } from './decisions.ts'

const REFUSED: DecisionNote = {
  action: 'block',
  reason: 'customer',
  subject: 'acme',
  customer: 'acme',
  tier: 'tier_1',
  session: 's-1',
  agent: null,
  trace: 'abc',
  modelAsked: 'gpt-4o',
  model: null,
  spent: 8_000_000_000n,
  held: 0n,
  limit: 8_000_000_000n,
  policyVersion: '7',
}

let now: number
let kept: ReturnType<typeof keptLog>
let decisions: DecisionLines

beforeEach(() => {
  now = 1_795_305_600_000
  kept = keptLog()
  decisions = createDecisionLines({ log: kept.log, now: () => now })
})

const counts = () => kept.lines.map(({ subject, count }) => [subject, count])

it('writes the first at once, with who asked, for what, and how the limit stands', () => {
  decisions.note(REFUSED)
  decisions.note({ ...REFUSED, action: 'degrade', model: 'gpt-4o-mini', spent: null, held: null, limit: null })
  expect(kept.lines).toEqual([
    {
      name: 'marginwatch',
      level: 30,
      event: 'call_blocked',
      action: 'block',
      reason: 'customer',
      subject: 'acme',
      customer: 'acme',
      tier: 'tier_1',
      session: 's-1',
      trace: 'abc',
      model_asked: 'gpt-4o',
      spent_usd: '8',
      held_usd: '0',
      limit_usd: '8',
      policy_version: '7',
      count: 1,
      msg: 'A call of acme was refused (customer)',
    },
    {
      name: 'marginwatch',
      level: 30,
      event: 'call_degraded',
      action: 'degrade',
      reason: 'customer',
      subject: 'acme',
      customer: 'acme',
      tier: 'tier_1',
      session: 's-1',
      trace: 'abc',
      model_asked: 'gpt-4o',
      model: 'gpt-4o-mini',
      policy_version: '7',
      count: 1,
      msg: 'A call of acme was moved to a cheaper model (customer): gpt-4o asked, gpt-4o-mini answers',
    },
  ])
})

it('then writes at most one a minute, with how many there were since', () => {
  for (let i = 0; i < 3; i++) decisions.note(REFUSED)
  now += 59_999
  decisions.note(REFUSED)
  expect(counts()).toEqual([['acme', 1]])
  now += 1
  decisions.note(REFUSED)
  expect(counts()).toEqual([
    ['acme', 1],
    ['acme', 4],
  ])
  expect(kept.lines[1]?.msg).toBe('4 calls of acme were refused (customer)')
})

it('leaves nobody uncounted when no more calls come', () => {
  for (let i = 0; i < 3; i++) decisions.note(REFUSED)
  decisions.flush()
  expect(counts()).toEqual([['acme', 1]])
  now += 60_000
  decisions.flush()
  decisions.flush()
  expect(counts()).toEqual([
    ['acme', 1],
    ['acme', 2],
  ])
})

it('writes what waits when it ends', () => {
  decisions.note(REFUSED)
  decisions.note(REFUSED)
  decisions.close()
  decisions.close()
  expect(counts()).toEqual([
    ['acme', 1],
    ['acme', 1],
  ])
})

it('goes on when the clock goes back', () => {
  decisions.note(REFUSED)
  now -= 3_600_000
  decisions.note(REFUSED)
  expect(counts()).toEqual([
    ['acme', 1],
    ['acme', 1],
  ])
})

it('gives a thousand subjects lines of their own in a minute, and those beyond them one together', () => {
  for (let i = 0; i < 1_500; i++) decisions.note({ ...REFUSED, subject: `made-up-${i}`, customer: `made-up-${i}` })
  now += 60_000
  decisions.flush()
  expect(kept.lines).toHaveLength(1_002)
  const { subject, customer, count, msg } = kept.lines[1_001] ?? {}
  expect({ subject, customer, count, msg }).toEqual({
    count: 499,
    msg: '499 calls of various subjects were refused (customer)',
  })
  now += 60_000
  decisions.flush()
  decisions.note({ ...REFUSED, subject: 'new' })
  expect(kept.lines.at(-1)).toMatchObject({ subject: 'new', count: 1 })
})

it('counts each decision in exactly one line, whatever comes when', () => {
  const step = fc.record({ subject: fc.nat(4), reason: fc.constantFrom('customer', 'session'), wait: fc.nat(50_000) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(3), (steps, flushEvery) => {
      const { log, lines } = keptLog()
      const one = createDecisionLines({ log, now: () => now })
      for (const [i, { subject, reason, wait }] of steps.entries()) {
        now += wait
        one.note({ ...REFUSED, subject: String(subject), reason })
        if (flushEvery > 0 && i % flushEvery === 0) one.flush()
      }
      one.close()
      expect(lines.reduce((sum, { count }) => sum + Number(count), 0)).toBe(steps.length)
    }),
  )
})

it('lets no key and no e-mail address into a line', () => {
  const [secret, address] = ['sk-proj-1234567890abcdef', 'ada@example.com']
  decisions.note({ ...REFUSED, subject: address, modelAsked: secret, session: `${address}/1` })
  expect(kept.text()).not.toContain(secret)
  expect(kept.text()).not.toContain(address)
})
