import { describe, expect, it } from 'vitest'
import { type ComparedRow, reconcile } from './reconciliation.ts'

const DAY = 20_779
const row = (change: Partial<ComparedRow> = {}): ComparedRow => ({
  day: DAY,
  model: 'gpt-4o',
  provider: 'openai',
  hereCost: 1_000_000_000n,
  thereCost: 1_000_000_000n,
  missingHere: 0,
  missingThere: 0,
  price: 0,
  tokens: 0,
  dayBoundary: 0,
  ...change,
})

describe('Two records of the same calls', () => {
  it('agree where no call differs', () => {
    expect(reconcile([row(), row({ day: DAY + 1 })])).toEqual({
      days: { first: DAY, last: DAY + 1 },
      differing: [],
      agreeing: 2,
      calls: { missing_here: 0, missing_there: 0, price: 0, tokens: 0, day_boundary: 0 },
      ratios: new Map([['openai', 0]]),
    })
  })

  it('differ though their sums are the same', () => {
    const chance = row({ price: 1, missingThere: 1 })
    expect(reconcile([chance])).toMatchObject({ differing: [chance], agreeing: 0 })
  })

  it('are told apart by reason, over all days and models', () => {
    const { calls } = reconcile([
      row({ missingHere: 2, missingThere: 3 }),
      row({ model: null, missingHere: 1, price: 4, tokens: 5, dayBoundary: 6 }),
    ])
    expect(calls).toEqual({ missing_here: 3, missing_there: 3, price: 4, tokens: 5, day_boundary: 6 })
  })

  it('are as far apart as a share of what the ledger has, by provider', () => {
    const { ratios } = reconcile([
      row({ thereCost: 900_000_000n, missingThere: 1 }),
      row({ model: 'gpt-4o-mini', thereCost: 1_100_000_000n, price: 1 }),
      row({ provider: 'anthropic', thereCost: 1_250_000_000n, price: 1 }),
      row({ provider: null, hereCost: 0n, thereCost: 5n, missingHere: 1 }),
    ])
    expect(ratios).toEqual(
      new Map([
        ['openai', 0],
        ['anthropic', 0.25],
      ]),
    )
  })

  it('are listed with the most money first, then the most calls', () => {
    const cents = row({ model: 'a', thereCost: 990_000_000n, price: 1 })
    const dollars = row({ model: 'b', thereCost: 3_000_000_000n, missingHere: 2 })
    const many = row({ model: 'c', tokens: 9 })
    const few = row({ model: 'd', tokens: 1 })
    expect(reconcile([few, cents, many, dollars]).differing.map(({ model }) => model)).toEqual(['b', 'a', 'c', 'd'])
  })

  it('are not compared while there is nothing', () => {
    expect(reconcile([])).toMatchObject({ days: null, differing: [], ratios: new Map() })
  })
})
