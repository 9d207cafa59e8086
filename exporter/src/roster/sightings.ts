import { UNATTRIBUTED } from '../usage.ts'

/** On a local day, calls of a customer named a tier. */
export interface Sighting {
  readonly customer: string
  readonly tier: string
  readonly day: number
}

/** What calls say of customers and was not looked at yet, each sighting once. */
export interface Sightings {
  readonly size: number
  /** A call that names a customer and a tier; nearly every one is like the one before, and costs next to nothing. */
  see(customer: string, tier: string | null, day: number): void
  /** All of them by day, in parts, each customer at most once in a part: what is said of the one decides of the next. */
  parts(): Generator<Sighting[]>
  done(part: readonly Sighting[]): void
  /** Calls are looked at again that are like those before. */
  renew(): void
}

const MOST_REMEMBERED = 20_000
const PART = 1_000

/** Keeps those whose tier is wanted. */
export function createSightings(isWanted: (tier: string) => boolean): Sightings {
  const waiting = new Map<string, Sighting>()
  /** The last day and tier of each customer. */
  const looked = new Map<string, { readonly tier: string; readonly day: number }>()
  const keyOf = ({ customer, tier, day }: Sighting) => JSON.stringify([customer, tier, day])
  return {
    get size() {
      return waiting.size
    },
    see(customer, tier, day) {
      if (tier === null || customer === UNATTRIBUTED) return
      const before = looked.get(customer)
      if (before !== undefined && before.tier === tier && before.day === day) return
      if (looked.size >= MOST_REMEMBERED) looked.clear()
      looked.set(customer, { tier, day })
      if (!isWanted(tier)) return
      const sighting = { customer, tier, day }
      waiting.set(keyOf(sighting), sighting)
    },
    *parts() {
      let part = new Map<string, Sighting>()
      for (const one of [...waiting.values()].sort((a, b) => a.day - b.day)) {
        if (part.size >= PART || part.has(one.customer)) {
          yield [...part.values()]
          part = new Map()
        }
        part.set(one.customer, one)
      }
      yield [...part.values()]
    },
    done(part) {
      for (const one of part) waiting.delete(keyOf(one))
    },
    renew: () => looked.clear(),
  }
}
