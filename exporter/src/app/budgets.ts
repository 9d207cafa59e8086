import { join } from 'node:path'
import type { AppOptions } from '../app.ts'
import { type Budgets, createBudgets } from '../budgets/open.ts'
import type { Calendar } from '../calendar.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { isLoopback } from '../loopback.ts'
import { readAsked } from '../sources/litellm/asked.ts'
import { contextOf } from '../sources/litellm/context.ts'
import type { DirectoryKeeper } from '../sources/litellm/directory.ts'
import { createOwners } from '../sources/litellm/owners.ts'
import type { GatewayHealth } from '../sources/source.ts'
import { budgetsCollector } from '../views/metrics/budgets.ts'
import type { Collector } from '../views/metrics/sample.ts'
import type { BudgetState } from '../views/page/budget-model.ts'
import { createDecisionsSeen } from './decisions-seen.ts'
import type { PriceKeeper } from './prices.ts'
import type { RunningTraceEvents } from './trace-events.ts'

export interface StartBudgets {
  readonly options: Pick<AppOptions, 'policy' | 'directory' | 'log' | 'now'>
  readonly ledger: Ledger
  readonly calendar: Calendar
  readonly prices: PriceKeeper
  /** The first back-fill runs: half a month is not a month. */
  readonly catchingUp: () => boolean
  readonly directory: DirectoryKeeper
  /** What the gateway says of itself; null when none was ever heard of. */
  readonly gateway: () => GatewayHealth | null
  readonly traces: Pick<RunningTraceEvents, 'note' | 'traceparent'>
  /** The plan of a customer at a moment, by the roster. */
  readonly tierAt: (customer: string, at: number) => string | null
}

/** The budgets, and what the views show of them. */
export interface RunningBudgets {
  readonly budgets: Budgets
  /** Resolves when the ledger was read; never rejects. */
  readonly opened: Promise<void>
  readonly collector: Collector
  /** For the page. */
  state(): BudgetState
  /** Writes the counts of decisions that had their minute. */
  flush(): void
  close(): Promise<void>
}

/** Records of a gateway that is well are delivered within a second. */
const BACKLOG_MS = 10_000

/** Opens the budgets: they answer at once, and decide as soon as the ledger was read. */
export function startBudgets(deps: StartBudgets): RunningBudgets {
  const { options, ledger, calendar, prices, directory, gateway, tierAt } = deps
  const { log, now } = options
  const since = now()
  const seen = createDecisionsSeen({ log, now })
  const policy = options.policy.current
  const owners = createOwners(directory)
  const context = () => contextOf({ policy, prices: prices.current, now, tierAt, owners: () => owners(policy()) })
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
    tierOf: (customer) => tierAt(customer, now()),
    backlog() {
      const oldest = gateway()?.spool?.oldest ?? null
      return oldest !== null && now() - oldest > BACKLOG_MS
    },
    traceparent: deps.traces.traceparent,
    onDecision(decided, seconds) {
      seen.note(decided, seconds)
      deps.traces.note(decided)
    },
  })
  const reading = (what: string, job: Promise<void>) =>
    job.catch((err: unknown) => log.error({ err }, `${what} failed; calls are not decided by it`))
  const opened = reading('reading the budgets', budgets.open())
  options.policy.onChange(() => void reading('taking up the new budgets', budgets.renew()))
  const counts = () => ({ undecided: gateway()?.undecided ?? 0, unsettled: budgets.engine.unsettled() })
  const collector = budgetsCollector(() => {
    if (!budgets.engine.ready() || deps.catchingUp()) return null
    const { budgets: all, leftOut } = budgets.numbers()
    return {
      // Names of sessions come and go by the thousand; they are on the page and in the log.
      budgets: all.filter(({ scope }) => scope !== 'session'),
      leftOut,
      decisions: seen.counts(),
      ...counts(),
      openHolds: budgets.openHolds(),
      agents: budgets.agents().map(([agent, { paused }]) => ({ agent, paused })),
      runawaySessions: budgets.runaway(),
      decisionSeconds: seen.seconds,
      since,
    }
  })
  return {
    budgets,
    opened,
    collector,
    state: () => ({ ...stateOf(budgets), ...counts() }),
    flush: seen.flush,
    async close() {
      await budgets.close()
      seen.close()
    },
  }
}

function stateOf(budgets: Budgets): Omit<BudgetState, 'undecided' | 'unsettled'> {
  const { budgets: all, leftOut } = budgets.numbers()
  const byAgent = new Map(all.filter(({ scope }) => scope === 'agent').map((one) => [one.agent ?? '', one]))
  const states = new Map(budgets.agents())
  const agents = [...new Set([...byAgent.keys(), ...states.keys()])].map((agent) => {
    const state = states.get(agent)
    const paused = state?.paused
      ? { since: state.at ?? 0, by: state.by ?? '', reason: state.reason ?? '', trace: state.trace }
      : null
    return { agent, paused, spent: byAgent.get(agent)?.spent ?? 0n, limit: byAgent.get(agent)?.limit ?? null }
  })
  return { budgets: all, leftOut, agents, runawaySessions: budgets.runaway() }
}
