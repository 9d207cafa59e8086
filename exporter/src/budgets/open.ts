import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { PriceBook } from '@marginwatch/pricing'
import { Router } from 'express'
import type { Logger } from 'pino'
import type { Calendar } from '../calendar.ts'
import type { KeyRing } from '../http/keys.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Policy } from '../policy/policy.ts'
import { adminRoutes } from './admin.ts'
import type { AgentState } from './agents.ts'
import type { Decided } from './ask.ts'
import { createChanges } from './changes.ts'
import { createEngine, type Engine } from './engine.ts'
import { createMemoryHolds } from './holds.ts'
import { openJournal } from './journal.ts'
import { budgetLedger } from './load.ts'
import { createNumbers, type Shown } from './numbers.ts'
import type { ReadRecord } from './request.ts'
import { decisionRoutes } from './routes.ts'

export interface BudgetsDeps {
  readonly ledger: Ledger
  readonly calendar: Calendar
  readonly policy: () => Policy
  readonly prices: () => PriceBook
  readonly directory: string
  readonly keys: () => KeyRing
  readonly loopback: boolean
  readonly log: Logger
  readonly now: () => number
  readonly ticks: () => bigint
  readonly readRecord: ReadRecord
  readonly tierOf: (customer: string) => string | null
  /** Whether a gateway keeps records that are not here yet. */
  readonly backlog: () => boolean
  /** Under which `traceparent` a call that was decided so is to be traced; null = as it is. */
  readonly traceparent: (decided: Decided) => string | null
  /** Told of each decision and how long it took, in seconds. */
  readonly onDecision: (decided: Decided, seconds: number) => void
}

export interface Budgets {
  readonly routes: Router
  readonly engine: Engine
  /** As of now for up to a thousand payers, of more as last refreshed; nothing until the ledger was read. */
  numbers(): Shown
  agents(): readonly (readonly [string, AgentState])[]
  /** Sessions that have spent more than the policy calls usual, and still go on. */
  runaway(): number
  openHolds(): number
  /** Customers that have a tier or a limit and spent something lately, with the tier that their calls named last. */
  customers(): ReadonlyMap<string, string | null>
  /** Reads the ledger; resolves when decisions are made. */
  open(): Promise<void>
  /** A new policy is in force. */
  renew(): Promise<void>
  sweep(): Promise<void>
  /** Looks at all budgets again where they are many, in turns with everything else. */
  refresh(): Promise<void>
  close(): Promise<void>
}

/** Puts the budgets together: the engine, the journal of its holds, and the endpoints. */
export function createBudgets(deps: BudgetsDeps): Budgets {
  const { ledger, calendar, now, policy, directory, log } = deps
  mkdirSync(directory, { recursive: true })
  const changes = createChanges()
  const holds = createMemoryHolds()
  const journal = openJournal({
    file: join(directory, 'holds.journal'),
    now,
    onFailure: (reason) =>
      log.error({ reason }, 'holds are kept in memory alone; the end of this process would forget them'),
  })
  const engine = createEngine({
    ...deps,
    ledger: budgetLedger(ledger, calendar),
    holds,
    journal,
    onChange: changes.tell,
  })
  const numbers = createNumbers({ ...deps, engine })
  const routes = Router()
  routes.use(decisionRoutes({ ...deps, engine, changes }))
  routes.use(adminRoutes({ ...deps, engine, append: ledger.append }))
  return {
    routes,
    engine,
    numbers: numbers.read,
    agents: () => (engine.ready() ? [...engine.fold().agents.all()] : []),
    runaway() {
      const { warn } = policy().budgets.session
      if (!engine.ready() || warn === null) return 0
      const since = now() - policy().sessions.idleMs
      let count = 0
      for (const { spent, last } of engine.fold().meters.sessions.all()) if (spent > warn && last >= since) count++
      return count
    },
    openHolds: () => holds.size,
    customers: () => new Map(engine.ready() ? engine.fold().meters.customers() : []),
    open: engine.open,
    renew: engine.renew,
    sweep: engine.sweep,
    refresh: numbers.refresh,
    async close() {
      changes.close()
      await engine.close()
    },
  }
}
