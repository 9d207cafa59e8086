import type { Nano } from '../../usage.ts'

/** What is foretold: `low ≤ expected ≤ high`. */
export interface Bounds {
  readonly low: Nano
  readonly expected: Nano
  readonly high: Nano
}

/** Bounds, or why there are none and from when on there will be (epoch milliseconds; null = nobody knows). */
export type Foretold =
  | { readonly known: true; readonly bounds: Bounds }
  | { readonly known: false; readonly reason: string; readonly from: number | null }
