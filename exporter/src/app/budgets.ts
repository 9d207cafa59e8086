import { join } from 'node:path'
import type { AppOptions } from '../app.ts'
import { rosterOf } from '../attribution/roster.ts'
import { type Budgets, createBudgets } from '../budgets/open.ts'
import type { Calendar } from '../calendar.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { isLoopback } from '../loopback.ts'
import { readAsked } from '../sources/litellm/asked.ts'
import { contextOf } from '../sources/litellm/context.ts'
import type { DirectoryKeeper } from '../sources/litellm/directory.ts'
import { createOwners } from '../sources/litellm/owners.ts'
import type { SpoolHealth } from '../sources/source.ts'
import type { PriceKeeper } from './prices.ts'

export interface StartBudgets {
  readonly options: Pick<AppOptions, 'policy' | 'directory' | 'log' | 'now'>
  readonly ledger: Ledger
  readonly calendar: Calendar
  readonly prices: PriceKeeper
  readonly directory: DirectoryKeeper
  readonly spool: () => SpoolHealth | null
}

/** Records of a gateway that is well are delivered within a second. */
const BACKLOG_MS = 10_000

/** Opens the budgets: they answer at once, and decide as soon as the ledger was read. */
export function startBudgets({ options, ledger, calendar, prices, directory, spool }: StartBudgets): Budgets {
  const { log, now } = options
  const policy = options.policy.current
  const owners = createOwners(directory)
  const context = () => contextOf({ policy, prices: prices.current, now, owners: () => owners(policy()) })
  const budgets = createBudgets({
    ledger,
    calendar,
    policy,
    prices: prices.current,
    directory: join(options.directory, 'budgets'),
    keys: () => policy().server.keys,
    loopback: isLoopback(policy().server.host),
    log,
    now,
    ticks: process.hrtime.bigint,
    readRecord: (record) => readAsked(record, context()),
    tierOf: (customer) => rosterOf(policy().customers)(customer, now()),
    backlog() {
      const oldest = spool()?.oldest ?? null
      return oldest !== null && now() - oldest > BACKLOG_MS
    },
    onDecision: () => undefined,
  })
  const reading = (what: string, job: Promise<void>) =>
    job.catch((err: unknown) => log.error({ err }, `${what} failed; calls are not decided by it`))
  void reading('reading the budgets', budgets.open())
  options.policy.onChange(() => void reading('taking up the new budgets', budgets.renew()))
  return budgets
}
