import { describe, expect, it } from 'vitest'
import { outlookAt } from './outlook.ts'

/** Monday to Sunday. */
const WEEK = [100, 110, 110, 110, 90, 40, 30]
const weekdayAt = (index: number) => ((index % 7) + 7) % 7
const plain = (index: number) => WEEK[weekdayAt(index)] ?? 0
const days = (count: number, usd: (index: number) => number) => Array.from({ length: count }, (_, i) => usd(i))
const none = () => 0
const ahead = (totals: number[], edgeAt: (index: number) => number = none) => {
  const outlook = outlookAt({ totals, weekdayAt, edgeAt }, totals.length)
  return (count: number) => days(count, (i) => outlook.day(totals.length + i))
}
const sum = (list: readonly number[]) => list.reduce((all, one) => all + one, 0)

describe('the outlook', () => {
  it('is the week again where nothing changes', () => {
    for (const [i, cost] of ahead(days(14, plain))(21).entries()) expect(cost).toBeCloseTo(plain(i), 6)
    for (const [i, cost] of ahead(days(59, plain))(21).entries()) expect(cost).toBeCloseTo(plain(59 + i), 6)
  })

  it('knows nothing of the days after its own', () => {
    const known = days(40, plain)
    const later = [...known, ...days(20, () => 9_999)]
    const series = { totals: later, weekdayAt, edgeAt: none }
    expect(outlookAt(series, 40).day(45)).toBe(outlookAt({ ...series, totals: known }, 40).day(45))
  })

  it('does not take the outage of a day or two for less to come', () => {
    const totals = days(42, (i) => (i === 38 || i === 39 ? 0 : plain(i)))
    expect(sum(ahead(totals)(7))).toBeCloseTo(sum(WEEK), 0)
  })

  it('takes a week of silence for less to come', () => {
    const totals = days(49, (i) => (i >= 42 ? 0 : plain(i)))
    expect(sum(ahead(totals)(7))).toBeLessThan(0.75 * sum(WEEK))
  })

  it('does not take one dear day for more of them', () => {
    const totals = days(42, (i) => (i === 40 ? 50 * plain(i) : plain(i)))
    expect(sum(ahead(totals)(7))).toBeLessThan(1.15 * sum(WEEK))
  })

  it('has gone more than half of the way to a new level after two weeks of it, and nearly all after six', () => {
    const stepped = (gone: number) => sum(ahead(days(56 + gone, (i) => plain(i) * (i >= 56 ? 1.5 : 1)))(7)) / sum(WEEK)
    expect(stepped(14)).toBeGreaterThan(1.25)
    expect(stepped(14)).toBeLessThan(1.6)
    expect(stepped(42)).toBeGreaterThan(1.45)
    expect(stepped(42)).toBeLessThan(1.6)
  })

  it('expects growth to go on, more carefully than it was', () => {
    const grown = (index: number) => plain(index) * 1.02 ** (index / 7)
    const next = ahead(days(70, grown))(28)
    const [first, last] = [sum(next.slice(0, 7)), sum(next.slice(21))]
    expect(last / first).toBeGreaterThan(1.01)
    expect(last / first).toBeLessThan(1.02 ** 2)
    expect(sum(next) / sum(days(28, (i) => grown(70 + i)))).toBeGreaterThan(0.95)
  })

  it('expects dear ends of months once it saw two of them, and none after one', () => {
    const edgeAt = (index: number) => (index % 30 === 29 ? -1 : 0)
    const dear = (index: number) => plain(index) * (edgeAt(index) === 0 ? 1 : 2)
    const last = (count: number) => {
      const totals = days(count, dear)
      return (outlookAt({ totals, weekdayAt, edgeAt }, count).day(count + 9) ?? 0) / plain(count + 9)
    }
    expect(last(50)).toBeLessThan(1.1)
    expect(last(80)).toBeGreaterThan(1.6)
    expect(last(80)).toBeLessThan(2)
  })

  it('is nothing where nothing was ever spent', () => {
    expect(ahead(days(30, () => 0))(3)).toEqual([0, 0, 0])
  })

  it('is not moved by one call on a weekday that has none', () => {
    const office = (index: number) => (weekdayAt(index) === 6 ? 0 : 100)
    const totals = days(41, office)
    totals.push(100)
    expect(sum(ahead(totals)(7))).toBeLessThan(640)
  })
})
