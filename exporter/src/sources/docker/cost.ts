import { divideHalfEven, type Nano } from '@marginwatch/pricing'
import type { ContainerRate } from '../../policy/policy.ts'
import type { Meter } from '../../usage.ts'

const GIB = 1n << 30n
const HOUR_SECONDS = 3600n

/** How much of a meter's unit its rate is for: an hour in nanoseconds, a GiB for an hour in byte-seconds, a GiB in bytes. */
const RATED: Readonly<Record<Meter, bigint>> = {
  cpu: HOUR_SECONDS * 1_000_000_000n,
  memory: HOUR_SECONDS * GIB,
  network: GIB,
}

/** What an amount costs, rounded once (half to even); null when no rate is known, for unknown is not nothing. */
export function costOf(meter: Meter, amount: bigint, rate: ContainerRate | null): Nano | null {
  const price = rate?.[meter] ?? null
  return price === null ? null : divideHalfEven(price * amount, RATED[meter])
}
