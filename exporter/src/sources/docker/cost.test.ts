import { describe, expect, it } from 'vitest'
import type { ContainerRate } from '../../policy/policy.ts'
import { rateAt } from '../../policy/rates.ts'
import { costOf } from './cost.ts'

const rate = (from: number | null, cpu: bigint | null = null): ContainerRate => ({
  from,
  cpu,
  memory: null,
  network: null,
})

describe('the cost of an amount', () => {
  it('is its share of an hour, of a GiB for an hour, of a GiB', () => {
    const rates = { from: null, cpu: 31_000_000n, memory: 4_200_000n, network: 85_000_000n }
    expect(costOf('cpu', 3_600n * 10n ** 9n, rates)).toBe(31_000_000n)
    expect(costOf('memory', 3600n << 31n, rates)).toBe(8_400_000n)
    expect(costOf('network', 1n << 29n, rates)).toBe(42_500_000n)
  })

  it('is rounded once, half to even, at any size', () => {
    const half = 1_800n * 10n ** 9n
    expect(costOf('cpu', half, rate(null, 1n))).toBe(0n)
    expect(costOf('cpu', half, rate(null, 3n))).toBe(2n)
    expect(costOf('cpu', half + 1n, rate(null, 1n))).toBe(1n)
    expect(costOf('cpu', 10n ** 30n, rate(null, 36n))).toBe(10n ** 19n)
  })

  it('is not known without a rate, and nothing at a rate of nothing', () => {
    expect(costOf('cpu', 1n, null)).toBeNull()
    expect(costOf('memory', 1n, rate(null, 1n))).toBeNull()
    expect(costOf('cpu', 1n, rate(null, 0n))).toBe(0n)
  })
})

describe('the rate that holds', () => {
  it('is the one that began last, whatever their order in the file', () => {
    const rates = [rate(2000, 2n), rate(null, 0n), rate(1000, 1n)]
    expect([0, 999, 1000, 1999, 2000, 9999].map((at) => rateAt(rates, at)?.cpu)).toEqual([0n, 0n, 1n, 1n, 2n, 2n])
  })

  it('is none before the first one begins', () => {
    expect(rateAt([rate(1000)], 999)).toBeNull()
    expect(rateAt([], 999)).toBeNull()
  })
})
