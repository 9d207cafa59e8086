import { describe, expect, it } from 'vitest'
import { expose } from '../../../test/support/expose.ts'
import { parseExposition, valuesOf } from '../../../test/support/exposition-parser.ts'
import { METRICS } from '../../catalogue.ts'
import { createHistogram } from './histogram.ts'
import { type HouseReadings, houseCollector } from './house.ts'

const UNKNOWN: HouseReadings = { ledger: null, policyAccepted: null, priceBooks: [], demo: false, commits: null }

async function valuesFor(readings: HouseReadings): Promise<Map<string, string>> {
  return valuesOf(parseExposition(await expose(houseCollector(() => readings).collect()), 'text'))
}

describe('the house collector', () => {
  it('shows only whether this is the demonstration while nothing else is known', async () => {
    expect(Object.fromEntries(await valuesFor(UNKNOWN))).toEqual({ marginwatch_demo: '0' })
  })

  it('shows ledger, policy and price books', async () => {
    const values = await valuesFor({
      ...UNKNOWN,
      ledger: { writable: false, seq: 123_456 },
      policyAccepted: true,
      priceBooks: [
        { book: 'genai-prices', ageMs: 86_400_500 },
        { book: 'litellm', ageMs: null },
      ],
      demo: true,
    })
    expect(Object.fromEntries(values)).toEqual({
      marginwatch_ledger_writable: '0',
      marginwatch_ledger_sequence: '123456',
      marginwatch_policy_reload_success: '1',
      'marginwatch_price_book_age_seconds{book="genai-prices"}': '86400.5',
      marginwatch_demo: '1',
    })
  })

  it('shows the commits of the ledger with their exact sum', async () => {
    const commits = createHistogram(METRICS.ledgerCommit, { places: 3 })
    for (const ms of [5, 6, 5_001]) commits.observe(ms)
    const values = await valuesFor({ ...UNKNOWN, commits })
    expect(values.get('marginwatch_ledger_commit_seconds_bucket{le="0.005"}')).toBe('1')
    expect(values.get('marginwatch_ledger_commit_seconds_bucket{le="5"}')).toBe('2')
    expect(values.get('marginwatch_ledger_commit_seconds_sum')).toBe('5.012')
  })
})
