import type { Router } from 'express'
import type { Logger } from 'pino'
import type { Calendar } from '../calendar.ts'
import type { KeyRing } from '../http/keys.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Policy } from '../policy/policy.ts'
import { formatProblem } from '../policy/problem.ts'
import { followRosterFile } from './file.ts'
import { createRosterFold } from './fold.ts'
import { createKeeper } from './keeper.ts'
import { rosterRoutes } from './routes.ts'
import type { Timeline } from './timeline.ts'
import { createTraffic } from './traffic.ts'

export interface RosterDeps {
  readonly ledger: Pick<Ledger, 'append' | 'snapshot' | 'follow' | 'remember' | 'recall'>
  readonly calendar: Calendar
  readonly policy: () => Policy
  /** The tier of each customer that LiteLLM names one for; null while it has said nothing. */
  readonly litellm: () => ReadonlyMap<string, string> | null
  /** Name under which a customer's calls are kept. */
  readonly nameOf: (id: string) => string
  readonly keys: () => KeyRing
  readonly loopback: boolean
  readonly log: Logger
  readonly now: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** So many customers are taken from traffic at most; by default MOST_FOUND. */
  readonly most?: number
}

/** Who the customers are, kept in step with all who say so. */
export interface Roster {
  readonly routes: Router
  readonly timeline: Timeline
  /** The plan of a customer at a moment, by all but traffic, which only repeats what calls say of themselves. */
  tierAt(customer: string, at: number): string | null
  /** What people should know: bad rows, and what does not count because its month is over. */
  notes(): readonly string[]
  /** Customers that were not taken from traffic because there are too many. */
  leftOut(): number
  /** A new policy is in force. Never rejects. */
  renew(): Promise<void>
  /** Writes down what is new. Rejects when the ledger cannot be written. */
  sweep(): Promise<void>
  close(): Promise<void>
}

/** Reads the ledger and the files; resolves when both say the same. Rejects when the ledger cannot be read. */
export async function openRoster(deps: RosterDeps): Promise<Roster> {
  const { ledger, log } = deps
  const fold = createRosterFold(ledger)
  const traffic = createTraffic({ ...deps, fold })
  const trying = (job: Promise<unknown>) =>
    job.catch((err: unknown) => log.warn({ err }, 'roster: what is new cannot be written down; it is tried again'))
  const changed = () => {
    keeper.filesChanged()
    traffic.renew()
    return trying(keeper.sync())
  }
  const file = followRosterFile({ ...deps, onChange: changed })
  const keeper = createKeeper({ ...deps, fold, file: file.current })
  const notes = () => [...(file.current()?.problems ?? []).map(formatProblem), ...keeper.notes()]
  const renew = async () => {
    await file.renew()
    await changed()
  }
  const { timeline } = fold
  await fold.open()
  await renew()
  await traffic.open()
  return {
    routes: rosterRoutes({ ...deps, fold, append: ledger.append, changed, notes }),
    timeline,
    tierAt(customer, at) {
      const standing = timeline.at(customer, at)
      return standing === null || standing.origin === 'traffic' ? null : standing.tier
    },
    notes,
    leftOut: traffic.leftOut,
    renew,
    async sweep() {
      await keeper.sync()
      await traffic.settle()
    },
    async close() {
      await file.close()
      await traffic.close()
      await fold.close()
    },
  }
}
