import type { AppOptions } from '../app.ts'
import { name } from '../attribution/label.ts'
import type { Calendar } from '../calendar.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { isLoopback } from '../loopback.ts'
import type { Policy } from '../policy/policy.ts'
import { priceAt } from '../policy/tiers.ts'
import { openRoster, type Roster } from '../roster/open.ts'
import { sha256 } from '../sources/litellm/context.ts'
import type { LitellmDirectory } from '../sources/litellm/directory.ts'
import { tiersIn } from '../sources/litellm/tiers.ts'
import type { Nano } from '../usage.ts'
import type { RosterModel } from '../views/page/model.ts'

/** Opens the roster, with LiteLLM's customers from its directory. */
export async function startRoster(
  { policy, log, now, sleep }: Pick<AppOptions, 'policy' | 'log' | 'now' | 'sleep'>,
  ledger: Ledger,
  calendar: Calendar,
  directory: LitellmDirectory,
): Promise<Roster> {
  const nameOf = (id: string) => name(id, sha256) ?? id
  const roster = await openRoster({
    ledger,
    calendar,
    policy: policy.current,
    litellm: () => tiersIn(directory, policy.current(), nameOf),
    nameOf,
    keys: () => policy.current().server.keys,
    loopback: isLoopback(policy.current().server.host),
    log,
    now,
    sleep,
  })
  policy.onChange(() => void roster.renew())
  return roster
}

/** The roster as the page shows it: the customers of the running month. */
export function rosterState({ timeline, leftOut, notes }: Roster, calendar: Calendar, now: number): RosterModel {
  const { customers, of } = timeline.assumed(calendar.dayStart(calendar.monthOf(calendar.day(now))), now + 1)
  return { customers: of, assumed: customers, leftOut: leftOut(), notes: notes() }
}

/** What each plan costs now, in the policy's order. */
export function pricesNow({ tiers }: Policy, now: number): Map<string, Nano | null> {
  return new Map(Object.entries(tiers).map(([name, tier]) => [name, priceAt(tier, now)]))
}
