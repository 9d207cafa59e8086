/**
 * Deterministic randomness: a small fast counter (Chris Doty-Humphrey's public-domain sfc32), seeded with up to three
 * numbers. Not for secrets.
 */
export class Rng {
  private a = 0
  private b = 0
  private c = 0
  private counter = 1

  constructor(x = 0, y = 0, z = 0) {
    this.reseed(x, y, z)
  }

  /** Starts the sequence that belongs to these three numbers (each up to 2^53). */
  reseed(x: number, y: number, z: number): this {
    this.a = mix(x >>> 0, Math.floor(x / 4294967296) >>> 0)
    this.b = mix(y >>> 0, this.a ^ (Math.floor(y / 4294967296) >>> 0))
    this.c = mix(z >>> 0, this.b ^ 0x9e3779b9)
    this.counter = 1
    for (let i = 0; i < 12; i++) this.next()
    return this
  }

  /** Uniform in 0 … 2^32 − 1. */
  next(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.next() / 4294967296
  }

  /** Uniform in 0 … n − 1. */
  below(n: number): number {
    return Math.floor(this.unit() * n)
  }

  /** True with probability p. */
  chance(p: number): boolean {
    return this.unit() < p
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.unit() * (to - from)
  }
}

/** Scrambles two 32-bit numbers into one. */
export function mix(x: number, y: number): number {
  let h = Math.imul(x ^ 0x85ebca6b, 0xcc9e2d51) ^ Math.imul(y ^ 0xc2b2ae35, 0x1b873593)
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return (h ^ (h >>> 16)) >>> 0
}

/** How often something that happens `mean` times on average happened (Poisson). */
export function poisson(rng: Rng, mean: number): number {
  let left = mean
  let count = 0
  while (left > 20) {
    count += poissonOf(rng, 20)
    left -= 20
  }
  return count + poissonOf(rng, left)
}

function poissonOf(rng: Rng, mean: number): number {
  const limit = Math.exp(-mean)
  let product = rng.unit()
  let count = 0
  while (product > limit) {
    product *= rng.unit()
    count += 1
  }
  return count
}

/** Picks an index with the weights that `cumulate` added up. */
export function pickWeighted(rng: Rng, cumulated: Float64Array): number {
  const target = rng.unit() * (cumulated[cumulated.length - 1] ?? 0)
  let low = 0
  let high = cumulated.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((cumulated[middle] ?? 0) > target) high = middle
    else low = middle + 1
  }
  return low
}

export function cumulate(weights: readonly number[]): Float64Array {
  const sums = new Float64Array(weights.length)
  let sum = 0
  weights.forEach((weight, index) => {
    sum += weight
    sums[index] = sum
  })
  return sums
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function hex8(value: number): string {
  return (
    (HEX[value >>> 24] ?? '') +
    (HEX[(value >>> 16) & 255] ?? '') +
    (HEX[(value >>> 8) & 255] ?? '') +
    (HEX[value & 255] ?? '')
  )
}

/** A version 4 UUID. */
export function uuid(rng: Rng): string {
  const b = hex8((rng.next() & 0xffff0fff) | 0x4000)
  const c = hex8((rng.next() & 0x3fffffff) | 0x80000000)
  return `${hex8(rng.next())}-${b.slice(0, 4)}-${b.slice(4)}-${c.slice(0, 4)}-${c.slice(4)}${hex8(rng.next())}`
}

/** `length` (at most 16) lower-case hexadecimal digits. */
export function hex(rng: Rng, length: number): string {
  return (hex8(rng.next()) + hex8(rng.next())).slice(0, length)
}
