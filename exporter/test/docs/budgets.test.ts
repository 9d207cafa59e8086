import { describe, expect, test } from 'vitest'
import { createModels } from '../../src/budgets/models.ts'
import { fit, roomIn } from '../../src/budgets/room.ts'
import { asked, BOOK, LADDER, NOON, policyOf, reading, USD } from '../budgets/support.ts'
import { budgetOf } from '../../src/budgets/ladder.ts'
import { read, tableRows } from './pages.ts'

const PAGE = read('docs/budgets.md')
const INPUT = 1_500
const USUAL = 800
const CALLERS = 20
const model = createModels(policyOf(null), BOOK, () => NOON).of('gpt-4o')
const SIZE = { input: INPUT, media: false, cacheWrites: false, serviceTier: null }

/** What a call to gpt-4o gets when so much of a limit is spent and nothing is held, with twenty on their way at a time. */
function fitAt(limit: bigint, spent: bigint) {
  const budget = budgetOf('customer', LADDER, limit)
  const room = roomIn([reading({ spent, crowd: CALLERS }, budget)])
  const input = { tokens: INPUT, counted: true }
  return fit({ ask: asked({ maxTokens: null }), models: [model], room, usual: USUAL, least: USUAL, input })
}

function longest(limit: bigint, spent: bigint): number {
  const found = fitAt(limit, spent)
  return typeof found === 'object' ? (found.maxTokens ?? found.output) : 0
}

/** The first cent at which something is so. */
function firstCent(limit: bigint, holds: (spent: bigint) => boolean): string {
  const cent = USD / 100n
  let spent = 0n
  while (spent < limit && !holds(spent)) spent += cent
  return dollars(spent)
}

const dollars = (nano: bigint, decimals = 2) => `$${(Number(nano) / 1e9).toFixed(decimals)}`
const percent = (part: string, limit: bigint) => `${Math.round((Number(part.slice(1)) / Number(limit)) * 1e11)} %`

describe('docs/budgets.md', () => {
  const rows = tableRows(PAGE).filter(([plan]) => plan?.startsWith('tier '))

  test('works out an example for each plan', () => {
    expect(rows.map(([, limit]) => limit)).toEqual(['$8', '$18', '$35'])
  })

  test.each(rows)(
    'has the numbers of %s as the program finds them',
    (_, limit = '', usual, begin, short, held, refused) => {
      const nano = BigInt(limit.slice(1)) * USD
      const call = model.worst(SIZE, USUAL)
      const from = firstCent(nano, (spent) => longest(nano, spent) <= USUAL)
      const tokens = longest(nano, 0n)
      const all = tokens === model.maxOutput ? ', all it can write' : ''
      expect([usual, begin, short, held, refused]).toEqual([
        dollars(call, 4),
        `${tokens.toLocaleString('en-US')} tokens${all}`,
        `${from} spent (${percent(from, nano)})`,
        dollars(call * BigInt(CALLERS), 3),
        firstCent(nano, (spent) => fitAt(nano, spent) === 'refused'),
      ])
    },
  )
})
