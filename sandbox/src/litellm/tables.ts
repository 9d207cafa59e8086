import type { DirectorySettings } from './directory-settings.ts'
import type { Rows } from './rows.ts'

/** A row of the table of budgets; amounts in dollars, times in epoch milliseconds. */
export interface BudgetRow {
  readonly id: string
  max: number | null
  soft: number | null
  duration: string | null
  resetAt: number | null
  readonly createdAt: number
  updatedAt: number
}

/** A row of the table of customers, with its budget. */
export interface CustomerRow {
  readonly id: string
  readonly alias: string | null
  readonly blocked: boolean
  /** Since its budget was last reset. */
  readonly spend: number
  readonly budget: BudgetRow | null
}

/** The tables of budgets and customers. */
export interface Tables {
  now(): number
  budgets(): BudgetRow[]
  /** In no order that means anything: whoever has called, and those that were set up. */
  customers(): CustomerRow[]
  customer(id: string): CustomerRow | null
  budget(id: string): BudgetRow | null
  putBudget(row: BudgetRow): void
  /** Its customers have none then. */
  deleteBudget(id: string): void
  putCustomer(
    id: string,
    change: { readonly budget?: string; readonly alias?: string; readonly blocked?: boolean },
  ): void
}

export const ADMIN = 'default_user_id'
/** When what was set up was set up. */
export const SET_UP = '2026-11-22T10:26:50.246000Z'
const RESET_EVERY = 600_000
const DAY = 86_400_000

interface Known {
  alias: string | null
  blocked: boolean
  budget: string | null
  /** Calls that began before it are not in its spend. */
  since: number
}

export function createTables(settings: DirectorySettings, rows: Rows, now: () => number): Tables {
  const budgets = new Map<string, BudgetRow>((settings.budgets ?? []).map((one) => [one.id, fromSettings(one)]))
  const customers = new Map<string, Known>()
  for (const { id, alias = null, budget = null, blocked = false } of settings.customers ?? [])
    customers.set(id, { alias, blocked, budget, since: Number.NEGATIVE_INFINITY })
  const known = (id: string): Known => {
    const found = customers.get(id) ?? { alias: null, blocked: false, budget: null, since: Number.NEGATIVE_INFINITY }
    customers.set(id, found)
    return found
  }
  let lookedAt = now()
  /** Spend is not set to zero when the time has come, but when it is next looked for. */
  const look = () => {
    const at = now()
    if (at - lookedAt < (settings.resetEveryMs ?? RESET_EVERY)) return
    lookedAt = at
    for (const budget of budgets.values()) {
      if (budget.duration === null || (budget.resetAt !== null && budget.resetAt >= at)) continue
      budget.resetAt = nextReset(budget.duration, at)
      for (const customer of customers.values()) if (customer.budget === budget.id) customer.since = at
    }
  }
  const list = (): CustomerRow[] => {
    look()
    const spend = new Map<string, number>([...customers.keys()].map((id) => [id, 0]))
    for (const { customer, cost, start } of rows.page(EVERYTHING, now()).calls)
      if (customer !== null && start >= (customers.get(customer)?.since ?? Number.NEGATIVE_INFINITY))
        spend.set(customer, (spend.get(customer) ?? 0) + Number(cost ?? 0n) / 1e9)
    return [...spend].map(([id, sum]) => {
      const { alias, blocked, budget } = customers.get(id) ?? { alias: null, blocked: false, budget: null }
      return { id, alias, blocked, spend: sum, budget: budgets.get(budget ?? '') ?? null }
    })
  }
  return {
    now,
    budgets() {
      look()
      return [...budgets.values()]
    },
    customers: list,
    customer: (id) => list().find((one) => one.id === id) ?? null,
    budget: (id) => budgets.get(id) ?? null,
    putBudget: (row) => void budgets.set(row.id, row),
    deleteBudget(id) {
      budgets.delete(id)
      for (const customer of customers.values()) if (customer.budget === id) customer.budget = null
    },
    putCustomer: (id, change) => void Object.assign(known(id), change),
  }
}

const EVERYTHING = {
  from: Number.NEGATIVE_INFINITY,
  to: Number.POSITIVE_INFINITY,
  endUser: null,
  requestId: null,
  status: null,
  sortBy: 'startTime',
  descending: false,
  page: 1,
  pageSize: Number.MAX_SAFE_INTEGER,
} as const

function fromSettings(budget: NonNullable<DirectorySettings['budgets']>[number]): BudgetRow {
  const { id, max, soft = null, duration = null, resetAt } = budget
  const made = Date.parse(SET_UP)
  const at = resetAt === undefined ? null : Date.parse(resetAt)
  return { id, max, soft, duration, resetAt: at, createdAt: made, updatedAt: made }
}

/**
 * When a budget of this duration ends next, in UTC: `1d` at midnight, `7d` on Monday, `30d` and `1mo` on the first, other
 * numbers of days so many after today's midnight. Null for a duration that is none.
 */
export function nextReset(duration: string, now: number): number | null {
  const [, count = '', unit] = /^(\d+)(d|w|mo)$/.exec(duration) ?? []
  if (unit === undefined || Number(count) < 1) return null
  const days = unit === 'w' ? Number(count) * 7 : Number(count)
  const midnight = Math.floor(now / DAY) * DAY
  const date = new Date(midnight)
  if (unit === 'mo' || days === 30) return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)
  if (days === 7) return midnight + (7 - ((date.getUTCDay() + 6) % 7)) * DAY
  return midnight + days * DAY
}
