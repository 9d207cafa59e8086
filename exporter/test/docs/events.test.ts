import { nano } from '@marginwatch/pricing'
import { describe, expect, it, test } from 'vitest'
import { createDecisionLines, DECISION_EVENTS } from '../../src/views/events/decisions.ts'
import { LEDGER_EVENTS, openEventLines } from '../../src/views/events/lines.ts'
import { action, crossing, DAY, T0 } from '../support/entries.ts'
import { openLedger, scratch } from '../support/ledger.ts'
import { keptLog, type LogLine } from '../support/log-lines.ts'
import { blocks, read, tableRows } from './pages.ts'

const PAGE = read('docs/events.md')
const SECTIONS = new Map(
  [...PAGE.matchAll(/^### `(\w+)`\n(.+?)(?=^##|$(?!.))/gms)].map(([, name = '', text = '']) => [name, text]),
)
const EVENTS = [...LEDGER_EVENTS, ...DECISION_EVENTS]
const CALL = 'litellm:5f0c2f2e-9f2b-4a53-8f6d-0f5a3a1c9e11'
const TRACE = '0af7651916cd43dd8448eb211c80319c'

/** What is told of on the page. */
const CROSSED = crossing('a', {
  threshold: 9_500,
  action: 'degrade',
  spent: nano('7.612'),
  channels: ['slack', 'email'],
  session: 'onboarding-7',
  trace: TRACE,
  of: CALL,
})
const PAUSED = action('b', {
  by: 'marginwatch',
  reason: 'its budget is spent',
  details: { trace: TRACE, spent: '55010000000', held: '0', limit: '50000000000', of: CALL, customer: 'acme' },
})
const RESUMED = action('c', { action: 'unpause', reason: 'the loop is mended' })
const LIMITED = action('d', { action: 'budget', reason: 'launch week', details: { limit: '75000000000' } })
const RESET = action('e', { action: 'reset', reason: 'a test ran under its name' })
const OTHER = action('f', { subject: 'customer:acme', action: 'note', reason: 'asked for a higher limit' })
const DECISION = {
  reason: 'customer',
  subject: 'acme',
  customer: 'acme',
  tier: 'tier_1',
  session: 'onboarding-7',
  agent: null,
  trace: TRACE,
  modelAsked: 'gpt-4o',
  limit: nano(8),
  policyVersion: '9d1c04be',
} as const

/** The latest line of each event. */
async function lines(): Promise<ReadonlyMap<unknown, LogLine>> {
  const { path, remove } = await scratch()
  const ledger = await openLedger(path, () => T0 + DAY)
  const { log, lines } = keptLog()
  const close = openEventLines({ ledger, log })
  await ledger.append([CROSSED, PAUSED, RESUMED, LIMITED, RESET, OTHER])
  await close()
  await ledger.close()
  await remove()
  const decisions = createDecisionLines({ log, now: () => T0 })
  decisions.note({ ...DECISION, action: 'degrade', model: 'gpt-4o-mini', spent: nano('7.612'), held: nano('0.12') })
  const refused = { ...DECISION, action: 'block', model: null, spent: nano(8), held: 0n } as const
  for (let i = 0; i < 42; i++) decisions.note(refused)
  decisions.close()
  return new Map(lines.map((line) => [line.event, line]))
}

describe('docs/events.md', () => {
  test('has a section for each event, and for no other', () => {
    expect([...SECTIONS.keys()]).toEqual(EVENTS)
  })

  it('shows of each event a line as it is written, but for its time', async () => {
    const written = await lines()
    expect([...written.keys()].sort()).toEqual([...EVENTS].sort())
    for (const event of EVENTS) {
      const [example = '', ...more] = blocks(SECTIONS.get(event) ?? '', 'json')
      expect(more).toEqual([])
      const { time, ...said } = JSON.parse(example) as LogLine
      expect(Number.isInteger(time), event).toBe(true)
      expect(said).toEqual(written.get(event))
    }
  })

  it('says what each field of its lines means, and of no other', async () => {
    const fields = [...(await lines()).values()].flatMap((line) => Object.keys(line))
    const told = tableRows(PAGE).flatMap(([names = '']) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name))
    expect(told.sort()).toEqual([...new Set([...fields, 'time'])].sort())
  })
})
