import type { FoundBudget, FoundCustomer, Found } from '../../src/backstop/found.ts'
import type { Step } from '../../src/backstop/step.ts'

interface Customer {
  spend: bigint
  /** The part of it that was spent before the period that runs. */
  stale: bigint
  budgetId: string | null
}

/** LiteLLM's tables of budgets and customers, as far as 1.106.2 says what a write does to them. */
export class LitellmModel {
  readonly budgets = new Map<string, FoundBudget>()
  readonly customers = new Map<string, Customer>()
  writes = 0
  /** By what LiteLLM decides when a budget ends next. */
  private readonly nextEnd: (duration: string, at: number) => number

  constructor(nextEnd: (duration: string, at: number) => number) {
    this.nextEnd = nextEnd
  }

  found(at: number, cut = false): Found {
    const customers = [...this.customers].map(([id, { spend, budgetId }]): [string, FoundCustomer] => [
      id,
      { id, spend, budgetId },
    ])
    return { at, cut, customers: new Map(customers), budgets: new Map(this.budgets) }
  }

  /** Throws where LiteLLM would refuse. */
  apply(step: Step): void {
    this.writes++
    if (step.kind === 'create_budget') {
      const { id, limit, duration, resetAt } = step
      if (this.budgets.has(id)) throw new Error(`there is a budget ${id}`)
      this.budgets.set(id, { id, limit, duration, resetsAt: resetAt })
    } else if (step.kind === 'change_budget' || step.kind === 'reset_spend') {
      const { kind, id, resetAt, ...change } = step
      const resetsAt = resetAt === undefined ? {} : { resetsAt: resetAt }
      this.budgets.set(id, { ...this.budget(id), ...change, ...resetsAt })
    } else if (step.kind === 'delete_budget') {
      this.budget(step.id)
      this.budgets.delete(step.id)
      for (const customer of this.customers.values()) if (customer.budgetId === step.id) customer.budgetId = null
    } else this.link(step)
  }

  /** Somebody spends. */
  spend(id: string, amount: bigint): void {
    const customer = this.customers.get(id) ?? { spend: 0n, stale: 0n, budgetId: null }
    customer.spend += amount
    this.customers.set(id, customer)
  }

  /** A new period begins; LiteLLM has not looked yet. */
  turn(): void {
    for (const customer of this.customers.values()) customer.stale = customer.spend
  }

  /** LiteLLM looks for budgets whose time has come. */
  look(at: number): void {
    for (const budget of this.budgets.values()) {
      if (budget.duration === null || (budget.resetsAt !== null && budget.resetsAt >= at)) continue
      this.budgets.set(budget.id, { ...budget, resetsAt: this.nextEnd(budget.duration, at) })
      for (const customer of this.customers.values())
        if (customer.budgetId === budget.id) Object.assign(customer, { spend: 0n, stale: 0n })
    }
  }

  private link({ kind, customer: id, budget }: Step & { kind: 'link_customer' | 'create_customer' }): void {
    this.budget(budget)
    const known = this.customers.get(id)
    if ((known === undefined) === (kind === 'link_customer')) throw new Error(`${kind} of ${id}`)
    if (known) known.budgetId = budget
    else this.customers.set(id, { spend: 0n, stale: 0n, budgetId: budget })
  }

  private budget(id: string): FoundBudget {
    const budget = this.budgets.get(id)
    if (budget === undefined) throw new Error(`there is no budget ${id}`)
    return budget
  }
}
