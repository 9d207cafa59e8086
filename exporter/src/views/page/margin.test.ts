import { nano } from '@marginwatch/pricing'
import { describe, expect, test } from 'vitest'
import { FULL, MARGIN } from '../../../test/page/models.ts'
import { renderFragment } from './document.ts'
import {
  type MarginModel,
  NO_MARGIN,
  NOTHING_COMPARED,
  type ReconciliationModel,
  type TierMarginRow,
} from './margin-model.ts'

const shown = (margin: Partial<MarginModel>) => renderFragment({ ...FULL, margin: { ...MARGIN, ...margin } })
const compared = (reconciliation: ReconciliationModel) => renderFragment({ ...FULL, reconciliation })
const section = (text: string, id: string) =>
  new RegExp(`<section [^>]*id="${id}">([\\s\\S]*?)</section>`).exec(text)?.[1] ?? ''
const plain = (markup: string) => markup.replace(/<[^>]*>/g, '').trim()

/** Text of the cells of the table under an id, row by row. */
function rows(text: string, id: string): string[][] {
  const body = /<tbody>([\s\S]*)<\/tbody>/.exec(section(text, id))?.[1] ?? ''
  return [...body.matchAll(/<tr>([\s\S]*?)<\/tr>/g)].map(([, row = '']) =>
    [...row.matchAll(/<t[hd][^>]*>([\s\S]*?)<\/t[hd]>/g)].map(([, cell = '']) => plain(cell)),
  )
}
const remarks = (text: string) =>
  [...section(text, 'margin').matchAll(/<li>([\s\S]*?)<\/li>/g)].map(([, text = '']) => text)

const TIER = MARGIN.tiers[0] as TierMarginRow

describe('margin', () => {
  test('shows of each tier what it earned, what that took, what is left, and its target', () => {
    expect(rows(shown({}), 'margin')).toEqual([
      [...['enterprise', '', '$8,400.00', '$6,591.94', '$180.10', '$1,627.96', '19.4%', '82.0%'], '17 1 losing'],
      ['pro', '', '$12,012.50', '$4,630.00', '$101.00', '$7,281.50', '60.6%', '60.0%', '388 4 losing, 12 on trial'],
      ['free', '–', '$0.00', '$742.12', '$30.10', '−$772.22', '–', '–', '1,204 1,204 losing'],
      [
        ...['All', '', '$20,412.50', '$11,964.06', '$311.20', '$8,137.24', '39.9%', '–'],
        '1,607 1,209 losing, 12 on trial',
      ],
    ])
    expect(section(shown({}), 'margin')).toContain('so far this month: $8,137.24 of $20,412.50 earned · 39.9%')
    expect(rows(shown({ tiers: [TIER] }), 'margin').map(([tier]) => tier)).toEqual(['enterprise'])
  })

  test('tells of a loss with the sign that stands before the amounts', () => {
    const total = { ...(MARGIN.total as NonNullable<MarginModel['total']>), margin: nano(-5), ratio: -0.2041 }
    expect(section(shown({ total }), 'margin')).toContain('−$5.00 of $20,412.50 earned · −20.4%')
  })

  test('is the first thing that is said, as a share of the revenue', () => {
    const tile = (margin: Partial<MarginModel>) =>
      plain(/<div class="tile margin">(.*?)<\/div>/s.exec(shown(margin))?.[1] ?? '')
    expect(tile({})).toBe('Margin this month39.9%$8,137.24 of $20,412.50')
    const total = MARGIN.total as NonNullable<MarginModel['total']>
    expect(tile({ total: { ...total, infraCost: null } })).toContain('of $20,412.50, before infrastructure')
    expect(tile({ total: { ...total, ratio: -0.0512 } })).toContain('−5.1%')
    expect(tile({ total: { ...total, revenue: 0n, margin: -5_000_000_000n, ratio: null } })).toContain('−$5.00')
    expect(tile({ total: null })).toBe('')
  })

  test('marks a ratio below its target, and one below zero is one', () => {
    const ratios = (change: Partial<TierMarginRow>) => section(shown({ tiers: [{ ...TIER, ...change }] }), 'margin')
    expect(ratios({ ratio: 0.81, target: 0.82 })).toContain('class="bad" title="below its target"')
    expect(ratios({ ratio: 0.83, target: 0.82 })).not.toContain('below its target')
    expect(ratios({ ratio: -0.5, target: null })).toContain('−50.0%')
  })

  test('never looks better because the cost of infrastructure is unknown', () => {
    const unknown = shown({
      tiers: [{ ...TIER, infraCost: null }],
      total: { ...(MARGIN.total as NonNullable<MarginModel['total']>), infraCost: null },
      infra: { total: 0n, unallocated: 0n, unknown: 'no rates are set' },
    })
    expect(rows(unknown, 'margin')[0]).toContain('unknown')
    expect(rows(unknown, 'margin')[0]).toContain('19.4%*')
    expect(section(unknown, 'margin')).toContain('before infrastructure')
    expect(remarks(unknown)).toContain('Infrastructure: no rates are set')
  })

  test('says what nobody pays for, and where the month is going', () => {
    expect(remarks(shown({}))).toEqual([
      'For the whole month customers pay $27,835.23.',
      '$13.70 of $324.90 for infrastructure belong to no customer.',
      'By the end of the month: models for $16,310.50 ($15,220.00 to $17,802.00), and a margin of $11,102.25 ($9,610.00 to $12,190.00).',
    ])
    expect(remarks(shown({ forecastMargin: null })).at(-1)).toBe(
      'By the end of the month: models for $16,310.50 ($15,220.00 to $17,802.00).',
    )
    const silent = {
      infra: { total: 0n, unallocated: 0n, unknown: null },
      forecast: null,
    }
    expect(remarks(shown(silent))).toEqual(['For the whole month customers pay $27,835.23.'])
    expect(remarks(shown({ ...silent, noForecast: 'two weeks are needed' }))).toContain(
      'No forecast yet: two weeks are needed',
    )
  })

  test('draws no part of the bar beyond the whole, and none where nothing is paid', () => {
    const bar = (change: Partial<TierMarginRow>) =>
      [
        ...section(shown({ tiers: [{ ...TIER, ...change }] }), 'margin').matchAll(
          /class="(front|held)"[^>]*?width="([\d.]+)"/g,
        ),
      ].map(([, part, width]) => [part, Number(width)])
    expect(bar({ revenue: nano(100), modelCost: nano(30), infraCost: nano(10) })).toEqual([
      ['front', 30],
      ['held', 10],
    ])
    expect(bar({ revenue: nano(100), modelCost: nano(90), infraCost: nano(30) })).toEqual([
      ['front', 90],
      ['held', 10],
    ])
    expect(bar({ revenue: nano(100), modelCost: nano(-5), infraCost: nano(300) })).toEqual([
      ['front', 0],
      ['held', 100],
    ])
    expect(bar({ revenue: 0n })).toEqual([])
  })

  test('names the worst customers and how many there are', () => {
    expect(rows(shown({}), 'losing')[0]).toEqual([
      'northwind-logistics',
      'enterprise',
      '$1,466.67',
      '$2,290.42',
      '−$823.75',
    ])
    expect(section(shown({}), 'losing')).toContain('the worst 10 of 1,209')
    expect(section(shown({ losing: [], losers: 0 }), 'losing')).toBe('')
  })

  test('is absent while nothing is known', () => {
    expect(section(renderFragment({ ...FULL, margin: NO_MARGIN }), 'margin')).toBe('')
  })
})

describe('ledger and Langfuse', () => {
  test('names each day and model that differs, with the reason', () => {
    expect(rows(renderFragment(FULL), 'reconciliation')).toEqual([
      [
        ...['2026-11-20', 'gpt-4o', '$190.12', '$181.70'],
        '41 calls only in the ledger, 3 calls with another price, 1 call in another day',
      ],
    ])
    expect(section(renderFragment(FULL), 'reconciliation')).toContain('34 agree, 1 differs')
  })

  test('says that both agree, and nothing before they were compared', () => {
    const days = { first: '2026-11-15', last: '2026-11-21' }
    expect(section(compared({ days, rows: [], agreeing: 35 }), 'reconciliation')).toContain('Both say the same.')
    expect(section(compared(NOTHING_COMPARED), 'reconciliation')).toBe('')
  })
})
