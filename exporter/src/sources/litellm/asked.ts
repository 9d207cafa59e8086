import { attribute, markOf, type Who } from '../../attribution/attribution.ts'
import { UNATTRIBUTED } from '../../usage.ts'
import type { EventContext } from './event.ts'
import type { Json } from './read.ts'
import { readRecord } from './record.ts'

/** Whose a call is that is about to be made. */
export interface Asked {
  readonly who: Pick<Who, 'tier' | 'user' | 'session' | 'agent' | 'trace' | 'queryType'> & { readonly customer: string }
  /** From where one of these comes, as `place=value`; null when the call itself does not say it. */
  mark(of: 'customer' | 'tier' | 'session' | 'agent'): string | null
}

/** Reads the facts that a gateway has of a call before it leaves, as the event at its end will be read. */
export function readAsked(record: Json, { attribution, now }: EventContext): Asked {
  const call = readRecord({ ...record, startTime: now / 1000 })
  const { customer, tier, user, session, agent, trace, queryType } = attribute(call, attribution)
  return {
    who: { customer: customer ?? UNATTRIBUTED, tier, user, session, agent, trace, queryType },
    mark: (of) => markOf(call, attribution, of),
  }
}
