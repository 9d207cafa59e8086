import type { Nano, RosterChange } from '../usage.ts'
import { cutsOf, joined, type Span, valueAt } from './spans.ts'
import { type PriceStep, stepAt } from './timeline.ts'
import type { Said } from './wanted.ts'

/** Where in [from, to) what was said is not what is wanted, with what is; undefined = nothing is to be said. */
export function differences(
  wanted: readonly Span<Said>[],
  said: readonly Span<RosterChange>[],
  from: number,
  to = Infinity,
): Span<Said | undefined>[] {
  const cuts = cutsOf(from, to, wanted, said)
  const list = cuts.flatMap((at, i): Span<Said | undefined>[] => {
    const want = valueAt(wanted, at)
    return isSame(want, valueAt(said, at)) ? [] : [{ from: at, to: cuts[i + 1] ?? to, value: want }]
  })
  return joined(list, isSame)
}

function isSame(a: Said | undefined, b: Said | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.tier === b.tier && a.price === b.price
}

/**
 * Whether a customer was before a moment what is wanted, from the first date on that is named: what has no date says nothing of
 * the past. To say nothing and to say that it is none is the same here.
 */
export function sameBefore(wanted: readonly Span<Said>[], known: readonly Span<Said>[], before: number): boolean {
  const meant = (said: Said | undefined) => (said === undefined || said.tier === null ? undefined : said)
  const dates = wanted.flatMap(({ from, to }) => [from, to]).filter(Number.isFinite)
  return cutsOf(Math.min(...dates, before), before, wanted, known).every((at) =>
    isSame(meant(valueAt(wanted, at)), meant(valueAt(known, at))),
  )
}

/**
 * The steps that have to be added, so that from a moment on a plan costs what is wanted. A step holds until the next one,
 * those that are there already included.
 */
export function missingSteps(
  wanted: readonly PriceStep[],
  recorded: readonly PriceStep[],
  from: number,
): { readonly from: number; readonly price: Nano | null }[] {
  const missing: { from: number; price: Nano | null }[] = []
  const moments = new Set([from, ...[...wanted, ...recorded].map((step) => step.from).filter((at) => at > from)])
  let holds: Nano | null | undefined
  for (const at of [...moments].sort((a, b) => (a < b ? -1 : 1))) {
    // A step that is there stands at its own moment; at others what held before goes on.
    if (at === from || recorded.some((step) => step.from === at)) holds = stepAt(recorded, at)?.price
    const want = stepAt(wanted, at)?.price ?? null
    if ((holds ?? null) === want) continue
    missing.push({ from: at, price: want })
    holds = want
  }
  return missing
}

/** Whether a plan cost before a moment what is wanted, from the first date on that is named. */
export function samePricesBefore(
  wanted: readonly PriceStep[],
  recorded: readonly PriceStep[],
  before: number,
): boolean {
  const first = Math.min(...wanted.map(({ from }) => from).filter(Number.isFinite), before)
  const moments = [first, ...[...wanted, ...recorded].map(({ from }) => from)].filter(
    (at) => at >= first && at < before,
  )
  return moments.every((at) => (stepAt(wanted, at)?.price ?? null) === (stepAt(recorded, at)?.price ?? null))
}
