import type { Quote } from './price.ts'
import { type Window, within } from './windows.ts'

/** A quote and when it holds. */
export interface Slot {
  /** First moment at which it holds and first at which it no longer does, epoch milliseconds; null = open. */
  readonly from: number | null
  readonly to: number | null
  /** Times of day to which it is limited; null = all day. */
  readonly windows: readonly Window[] | null
  readonly quote: Quote
}

/** Whether a slot holds at a moment. */
export function holds(slot: Pick<Slot, 'from' | 'to' | 'windows'>, at: number): boolean {
  if (slot.from !== null && at < slot.from) return false
  if (slot.to !== null && at >= slot.to) return false
  return slot.windows === null || within(slot.windows, at)
}
