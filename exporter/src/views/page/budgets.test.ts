import { nano } from '@marginwatch/pricing'
import { describe, expect, test } from 'vitest'
import { EMPTY, FULL, NOW, TROUBLED } from '../../../test/page/models.ts'
import { type BudgetRow, type BudgetsModel, NO_BUDGETS } from './budget-model.ts'
import { renderFragment } from './document.ts'

const shown = (change: Partial<BudgetsModel>) => renderFragment({ ...FULL, budgets: { ...NO_BUDGETS, ...change } })
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

const BUDGET: BudgetRow = {
  scope: 'customer',
  period: 'month',
  customer: 'acme',
  agent: null,
  tier: 'pro',
  limit: nano(8),
  spent: nano('7.612'),
  held: nano('0.2'),
  resetAt: Date.UTC(2026, 11, 1),
  doing: 'degrade',
  threshold: 9_500,
  next: { do: 'block', amount: nano(8) },
}

describe('budgets near their limit', () => {
  test('show who, how much of what is used, what is done with the calls, and what comes next', () => {
    expect(rows(shown({ nearLimit: [BUDGET] }), 'budgets')).toEqual([
      ['acme month', 'pro', '95.2%', '$7.61', '$0.2000', '$8.00', '1 Dec 00:00', 'cheaper model', 'refused at 100%'],
    ])
  })

  test('name what has the budget, whatever its scope', () => {
    const nearLimit: BudgetRow[] = [
      { ...BUDGET, scope: 'tenant_day', period: 'day' },
      { ...BUDGET, scope: 'agent', agent: 'nightly', customer: null },
      { ...BUDGET, scope: 'tier', customer: null },
      { ...BUDGET, scope: 'global', customer: null },
      { ...BUDGET, scope: 'unknown_customers', customer: null },
    ]
    expect(rows(shown({ nearLimit }), 'budgets').map(([name]) => name)).toEqual([
      'acme a day',
      'agent nightly month',
      'tier pro month',
      'everything month',
      'unknown customers month',
    ])
  })

  test('draw what is held behind what is spent, and neither beyond the whole', () => {
    const bar = (spent: string, held: string) => {
      const text = section(shown({ nearLimit: [{ ...BUDGET, spent: nano(spent), held: nano(held) }] }), 'budgets')
      return [...text.matchAll(/<rect class="(front|held) near"(?: x="([\d.]+)")? width="([\d.]+)"/g)].map(
        ([, part, x = '0', width]) => [part, x, width],
      )
    }
    expect(bar('4', '2')).toEqual([
      ['front', '0', '50.00'],
      ['held', '50.00', '25.00'],
    ])
    expect(bar('6', '40')).toEqual([
      ['front', '0', '75.00'],
      ['held', '75.00', '25.00'],
    ])
    expect(bar('9', '1')).toEqual([['front', '0', '100.00']])
    expect(bar('-1', '0')).toEqual([['front', '0', '0.00']])
  })

  test('show no share of a limit of nothing', () => {
    const [row] = rows(
      shown({ nearLimit: [{ ...BUDGET, limit: 0n, resetAt: null, next: null, doing: 'block' }] }),
      'budgets',
    )
    expect(row?.slice(2)).toEqual(['–', '$7.61', '$0.2000', '$0.00', '–', 'refused', '–'])
  })

  test('say how many more there are', () => {
    expect(plain(section(shown({ nearLimit: [BUDGET], leftOut: 31 }), 'budgets'))).toContain('the nearest 1 of 32')
    expect(plain(section(shown({ nearLimit: [BUDGET] }), 'budgets'))).toContain('nearest first')
  })
})

test('crossings say when, what, how far and what happened then', () => {
  expect(rows(renderFragment(FULL), 'crossings')).toEqual([
    ['13:59', 'northwind-logistics', '100% of $2,200.00', '$2,200.04', 'refused'],
    ['13:21', 'session refactor-billing-4', '100% of $0.5000', '$0.5012', 'refused'],
    ['12:27', 'everything', 'high_daily_cost', '$400.20', 'notice'],
    ['21 Nov 09:42', 'org_01HZX5B7S0Q3N9W…T4R2Y1U0', '95% of $320.00', '$304.00', 'cheaper model'],
    ['21 Nov 06:22', 'agent support', '90% of $50.00', '$45.02', 'notice'],
  ])
})

test('agents that are paused come with why, by whom and since when; without one there is no column for it', () => {
  const paused = { since: NOW - 60_000, by: 'ada', reason: 'it loops', trace: 'abc' }
  const agents = [
    { agent: 'nightly', paused, spent: nano(55), limit: nano(50) },
    { agent: 'support', paused: null, spent: nano(1), limit: null },
  ]
  expect(rows(shown({ agents }), 'agents')).toEqual([
    ['nightly', 'paused', '$55.00', '$50.00', 'it loops by ada, 14:01, trace abc'],
    ['support', 'runs', '$1.00', '–', ''],
  ])
  expect(rows(shown({ agents: agents.slice(1) }), 'agents')).toEqual([['support', 'runs', '$1.00', '–']])
})

test('stopped sessions are named, and runaways counted also when none was stopped', () => {
  expect(rows(renderFragment(FULL), 'stopped')).toEqual([
    ['refactor-billing-4', 'globex', '$0.5012', '$0.5000', '13:21'],
  ])
  expect(plain(section(shown({ runawaySessions: 1 }), 'stopped')).replace(/\s+/g, ' ')).toBe(
    'Sessions stopped today, 1 runaway now None reached its cap today.',
  )
})

test('nothing of budgets is drawn while there is nothing to say', () => {
  const text = shown({})
  for (const id of ['budgets', 'crossings', 'agents', 'stopped']) expect(section(text, id)).toBe('')
  expect(text).not.toContain('class="beside"')
})

describe('a banner about budgets', () => {
  const said = (change: Partial<BudgetsModel>) =>
    [
      ...renderFragment({ ...EMPTY, budgets: { ...NO_BUDGETS, ...change } }).matchAll(
        /<p class="banner warn">(.*?)<\/p>/g,
      ),
    ].map(([, text = '']) => plain(text))
  const agent = (name: string, reason = 'it loops') => ({
    agent: name,
    paused: { since: NOW, by: 'ada', reason, trace: null },
    spent: 0n,
    limit: null,
  })

  test('names the one agent that is paused, why, and how it is resumed', () => {
    expect(said({ agents: [agent('night shift/2')] })).toEqual([
      'Agent night shift/2 is paused since 14:02, by ada: it loops. Its calls are refused until somebody resumes it: POST /api/admin/agents/night%20shift%2F2/unpause',
    ])
    expect(said({ agents: [agent('a', '')] })[0]).toContain('by ada. Its calls')
    expect(said({ agents: [agent('half \ud83d')] })[0]).toContain('/half%20%EF%BF%BD/unpause')
  })

  test('is one for many paused agents', () => {
    const agents = ['a', 'b', 'c', 'd', 'e'].map((name) => agent(name))
    expect(said({ agents })[0]).toMatch(/^5 agents are paused: a, b, c and 2 more\. /)
    expect(said({ agents: agents.slice(0, 2) })[0]).toMatch(/^2 agents are paused: a, b\. /)
  })

  test('counts calls that nobody decided about and calls that were never heard of again', () => {
    expect(said({ undecided: 1, unsettled: 2 }).map((text) => text.split(' within')[0])).toEqual([
      '1 call went out without a decision',
      '2 calls were never heard of again',
    ])
  })

  test('is absent when all is well', () => {
    expect(said(FULL.budgets)).toEqual([])
    expect(said(TROUBLED.budgets)).toHaveLength(3)
  })
})
