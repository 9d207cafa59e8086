import { describe, expect, it } from 'vitest'
import { spreadOf } from './past.ts'

const flat = (count: number, usd = 1) => Array.from({ length: count }, () => usd)
const expecting = (usd: number) => () => ({ level: usd, day: () => usd })
const asked = (horizon: number) => ({ horizon, least: 14 })

describe('the spread of earlier forecasts', () => {
  it('is what is assumed where there is nothing to look back at', () => {
    const { low, high } = spreadOf(flat(14), expecting(1), asked(20))
    expect([low, high]).toEqual([Math.exp(-0.12), Math.exp(0.12)])
  })

  it('grows narrow where they were right, and the longer they were the more', () => {
    const width = (days: number) => {
      const { low, high } = spreadOf(flat(days), expecting(1), asked(10))
      return high - low
    }
    expect(width(30)).toBeLessThan(0.24)
    expect(width(60)).toBeLessThan(width(30))
    expect(width(200)).toBeLessThan(0.1)
  })

  it('counts forecasts that overlap as the few that they are', () => {
    expect(spreadOf(flat(14 + 20 + 40), expecting(1), asked(20)).high).toBeGreaterThan(1.07)
    expect(spreadOf(flat(14 + 1 + 40), expecting(1), asked(1)).high).toBeLessThan(1.02)
  })

  it('leans to where they were wrong, and always has the forecast itself within', () => {
    const { low, high } = spreadOf(flat(134, 2), expecting(1), asked(1))
    expect(high).toBeGreaterThan(1.8)
    expect(high).toBeLessThan(2)
    expect(low).toBe(1)
  })

  it('is wider over more days than any forecast has behind it', () => {
    const wavy = Array.from({ length: 30 }, (_, i) => (Math.floor(i / 6) % 2 === 0 ? 1.4 : 0.6))
    const width = (horizon: number) => {
      const { low, high } = spreadOf(wavy, expecting(1), asked(horizon))
      return high / low
    }
    expect(width(28)).toBeGreaterThan(width(9))
  })

  it('says nothing of days of which nothing was expected, and stays finite where nothing came', () => {
    expect(spreadOf(flat(60), expecting(0), asked(5))).toEqual(spreadOf(flat(14), expecting(1), asked(5)))
    const { low } = spreadOf(flat(200, 0), expecting(1), asked(1))
    expect(low).toBeGreaterThan(0)
    expect(low).toBeLessThan(0.1)
  })
})
