import { afterEach, beforeEach, expect, it } from 'vitest'
import { action, crossing, DAY, T0, usage } from '../../../test/support/entries.ts'
import { openLedger, scratch } from '../../../test/support/ledger.ts'
import { keptLog } from '../../../test/support/log-lines.ts'
import type { Close, Ledger } from '../../ledger/ledger.ts'
import type { Entry } from '../../usage.ts'
import { openEventLines } from './lines.ts'

const NO_LINES = async () => undefined
let ledger: Ledger
let folder: Awaited<ReturnType<typeof scratch>>
let kept: ReturnType<typeof keptLog>
let close: Close

beforeEach(async () => {
  folder = await scratch()
  ledger = await openLedger(folder.path, () => T0 + DAY)
  kept = keptLog()
  close = NO_LINES
})
afterEach(async () => {
  await close()
  await ledger.close()
  await folder.remove()
})

/** Lines of entries that are appended one by one. */
async function linesOf(...entries: Entry[]) {
  close = openEventLines({ ledger, log: kept.log })
  for (const entry of entries) await ledger.append([entry])
  return kept.lines
}

it('writes one line for a crossing, with who, how far and what is done', async () => {
  const who = { session: 's-1', agent: 'support', trace: '0af7651916cd43dd8448eb211c80319c' }
  expect(await linesOf(usage('a'), crossing('b', { ...who, of: 'litellm:1' }))).toEqual([
    {
      name: 'marginwatch',
      level: 40,
      event: 'budget_crossing',
      scope: 'customer',
      subject: 'acme',
      period: 'month',
      policy_version: '9d1c04be',
      period_start: '2026-11-01T00:00:00.000Z',
      threshold: '0.8',
      spent_usd: '6.40125',
      held_usd: '0.12',
      limit_usd: '8',
      action: 'notify',
      severity: 'warning',
      channels: ['slack'],
      notice: true,
      customer: 'acme',
      tier: 'tier_1',
      ...who,
      call: 'litellm:1',
      msg: 'Customer acme has reached 80 % of its limit: $6.40 of $8.00 in its month, and $0.12 is held for calls under way.',
    },
  ])
})

it('is as loud as the threshold is severe, and quiet about what nobody is to be told of', async () => {
  const lines = await linesOf(
    crossing('a', { severity: 'info' }),
    crossing('b', { severity: 'warning' }),
    crossing('c', { severity: 'critical' }),
    crossing('d', { severity: 'critical', notice: false }),
  )
  expect(lines.map(({ level, severity, notice }) => [level, severity, notice])).toEqual([
    [30, 'info', true],
    [40, 'warning', true],
    [50, 'critical', true],
    [30, 'critical', false],
  ])
})

it('says by its event what was done to an agent, by whom, why, and what caused it', async () => {
  const details = {
    ...{ trace: 'abc', customer: 'acme', of: 'litellm:1', other: 'x' },
    ...{ spent: '55100000000', limit: '50000000000', held: 'x' },
  }
  const lines = await linesOf(
    action('a', { by: 'marginwatch', reason: 'reached 110 % of its limit', details }),
    action('b', { action: 'unpause' }),
    action('c', { action: 'budget' }),
    action('d', { action: 'reset' }),
    action('e', { action: 'rename', subject: 'customer:acme' }),
  )
  expect(lines.map(({ level, event, subject }) => [level, event, subject])).toEqual([
    [40, 'agent_paused', 'nightly'],
    [30, 'agent_unpaused', 'nightly'],
    [30, 'agent_budget', 'nightly'],
    [30, 'agent_reset', 'nightly'],
    [30, 'action', 'customer:acme'],
  ])
  expect(lines[0]).toEqual({
    name: 'marginwatch',
    level: 40,
    event: 'agent_paused',
    scope: 'agent',
    subject: 'nightly',
    agent: 'nightly',
    action: 'pause',
    by: 'marginwatch',
    reason: 'reached 110 % of its limit',
    spent_usd: '55.1',
    limit_usd: '50',
    customer: 'acme',
    trace: 'abc',
    call: 'litellm:1',
    msg: 'Agent nightly was paused and its calls are refused, by marginwatch: reached 110 % of its limit',
  })
})

it('writes nothing of what the ledger held before, and each entry once', async () => {
  await ledger.append([crossing('before')])
  const lines = await linesOf(crossing('before'), crossing('after', { subject: 'globex' }), crossing('after'))
  expect(lines.map(({ subject }) => subject)).toEqual(['globex'])
})

it('writes what was recorded from a number on, in the order of the ledger', async () => {
  const { seq } = await ledger.append([crossing('a', { subject: 'first' })])
  await ledger.append([usage('b'), crossing('c', { subject: 'second' }), action('d')])
  const written = new Promise<void>((resolve) => {
    close = openEventLines({
      ledger: { ...ledger, follow: (from, take) => ledger.follow(from, told(take)) },
      log: kept.log,
      from: seq,
    })
    function told(take: Parameters<Ledger['follow']>[1]): typeof take {
      return (batch) => {
        take(batch)
        if (kept.lines.length === 3) resolve()
      }
    }
  })
  await written
  expect(kept.lines.map(({ event, subject }) => [event, subject])).toEqual([
    ['budget_crossing', 'first'],
    ['budget_crossing', 'second'],
    ['agent_paused', 'nightly'],
  ])
})

it('lets no key and no e-mail address into a line, wherever it stands', async () => {
  const secret = 'sk-proj-1234567890abcdef'
  const address = 'ada@example.com'
  await linesOf(
    crossing('a', {
      message: `${address} used ${secret}`,
      session: address,
      channels: [address],
      of: secret,
      customer: address,
    }),
    action('b', { by: address, reason: `pasted ${secret}`, subject: `agent:${secret}`, details: { session: address } }),
  )
  expect(kept.lines).toHaveLength(2)
  expect(kept.text()).not.toContain(secret)
  expect(kept.text()).not.toContain(address)
})

it('ends when it is closed', async () => {
  await linesOf(crossing('a'))
  await close()
  await ledger.append([crossing('b')])
  expect(kept.lines).toHaveLength(1)
})
