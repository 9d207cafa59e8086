import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AskedBy } from '../../src/budgets/ask.ts'
import { createEngine, type Engine } from '../../src/budgets/engine.ts'
import { createMemoryHolds } from '../../src/budgets/holds.ts'
import { openJournal } from '../../src/budgets/journal.ts'
import { createCalendar } from '../../src/calendar.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { usage } from '../support/entries.ts'
import { createMemoryLedger } from './memory-ledger.ts'
import { asked, BOOK, limited, policyOf, USD, WHO } from './support.ts'

let directory: string
let ledger: ReturnType<typeof createMemoryLedger>
let engine: Engine
let now: number
let policy: Policy

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'marginwatch-engine-'))
})

afterEach(async () => {
  await engine.close()
  rmSync(directory, { recursive: true })
})

async function start(given: Policy, at: string): Promise<void> {
  policy = given
  now = Date.parse(at)
  const calendar = createCalendar(given.timezone)
  ledger = createMemoryLedger(calendar, () => now)
  engine = createEngine({
    ledger: ledger.attach(),
    calendar,
    policy: () => policy,
    prices: () => BOOK,
    holds: createMemoryHolds(),
    journal: openJournal({ file: join(directory, 'holds.journal'), now: () => now, onFailure: () => undefined }),
    log: pino({ level: 'silent' }),
    now: () => now,
    backlog: () => false,
    onChange: () => undefined,
  })
  await engine.open()
}

let ids = 0
const callId = () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`
const INPUT = { bytes: 400, tokens: 100, images: 0, opaque: 0, cacheWrites: false }
const ask = async (who: AskedBy) =>
  (await engine.decide(asked({ callId: callId(), who, maxTokens: 100, input: INPUT }))).decision
const spend = (who: AskedBy, usd: bigint) =>
  ledger.append([usage(`litellm:${callId()}`, { ...who, start: now, cost: usd * USD })])

describe('The budgets at work', () => {
  it.each([
    ['day', '2026-11-10T22:59:59.999Z', '2026-11-10T23:00:00.000Z'],
    ['week', '2026-11-15T22:59:59.999Z', '2026-11-15T23:00:00.000Z'],
    ['month', '2026-11-30T22:59:59.999Z', '2026-11-30T23:00:00.000Z'],
  ] as const)(
    'open again at the first millisecond of a new %s, in the zone of the policy',
    async (period, last, first) => {
      const customer = { ...policyOf(null).budgets.customer, period }
      await start(policyOf(USD, { customer }, { timezone: 'Europe/Berlin' }), '2026-11-10T12:00:00Z')
      now = Date.parse(last) - 60_000
      await spend(WHO, 1n)
      now = Date.parse(last)
      expect(await ask(WHO)).toMatchObject({ action: 'block', reason: 'customer' })
      now = Date.parse(first)
      expect(await ask(WHO)).toMatchObject({ action: 'allow', reason: 'ok' })
    },
  )

  it('keep no state of a million invented customers, whom one limit holds together', async () => {
    await start(policyOf(USD, { unknownCustomers: limited(5n * USD) }), '2026-11-10T12:00:00Z')
    const stranger = (n: number) => ({ ...WHO, customer: `invented-${n}`, tier: null, session: `talk-${n}` })
    let held = 0n
    let refused = 0
    const reasons = new Set<string>()
    for (let n = 0; n < 1_000_000; n++) {
      const { action, reason, charges } = await ask(stranger(n))
      if (action === 'block') refused++
      if (action === 'block') reasons.add(reason)
      held += charges.find(({ key }) => key.startsWith('unknown_customers'))?.amount ?? 0n
    }
    expect(held).toBeLessThanOrEqual(5n * USD)
    expect(refused).toBeGreaterThan(990_000)
    expect([...reasons]).toEqual(['unknown_customers'])
    const { meters } = engine.fold()
    expect([...meters.payers()]).toHaveLength(0)
    expect(await ask(WHO)).toMatchObject({ action: 'allow' })
  })

  it('tell ten thousand strangers apart who spend something, and forget them in the end', async () => {
    await start(policyOf(USD, { unknownCustomers: limited(1_000_000n * USD) }), '2026-11-10T12:00:00Z')
    const spent = Array.from({ length: 30_000 }, (_, n) =>
      usage(`k-${n}`, { customer: `invented-${n}`, tier: null, session: `s-${n}`, start: now, cost: USD }),
    )
    await ledger.append(spent)
    const { meters } = engine.fold()
    expect([...meters.payers()].length).toBeLessThanOrEqual(20_001)
    const stranger = { ...WHO, customer: 'one-more', tier: null }
    const [together] = meters.of(stranger, now).filter(({ budget }) => budget.scope === 'unknown_customers')
    expect(together && meters.spent(together)).toBe(30_000n * USD)
    now += 15 * 86_400_000
    await engine.sweep()
    expect([...meters.payers()]).toHaveLength(0)
  })

  it('hold nothing for a call whose end was heard of before its question', async () => {
    await start(policyOf(10n * USD), '2026-11-10T12:00:00Z')
    const late = callId()
    await ledger.append([usage(`litellm:${late}`, { ...WHO, start: now, cost: 0n, status: 'blocked' })])
    await engine.decide(asked({ callId: late, who: WHO, maxTokens: 100, input: INPUT }))
    const held = () =>
      engine
        .fold()
        .meters.of(WHO, now)
        .map((meter) => engine.reading(meter).held)
    expect(held()).toEqual([0n])
    await ask(WHO)
    expect(held().some((amount) => amount > 0n)).toBe(true)
  })
})
